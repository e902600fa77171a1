libs += mime
mime_SRC := params.cc structure.cc section.cc decode.cc imap_format.cc summary.cc leaf_encoder.cc open_parts.cc seven_bit.cc from_binary.cc
mime_DEP := base text rfc5322
mime_TESTS := seven_bit_test from_binary_test mime_test imap_format_test
mime_FUZZ := seven_bit_fuzz from_binary_fuzz mime_fuzz
