libs += rfc5322
rfc5322_SRC := header.cc lexer.cc address.cc date.cc msgid.cc subject.cc header_writer.cc
rfc5322_DEP := base text
rfc5322_TESTS := header_test address_list_test date_test
rfc5322_FUZZ := header_fuzz
