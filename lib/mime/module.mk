libs += mime
mime_SRC := params.cc structure.cc section.cc decode.cc imap_format.cc summary.cc
mime_DEP := base text rfc5322
mime_TESTS := mime_test imap_format_test
mime_FUZZ := mime_fuzz
