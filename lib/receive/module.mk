libs += receive
receive_SRC := data_reader.cc chunk_reader.cc extensions.cc admission.cc proxy_header.cc xclient.cc front_end.cc content.cc submission_header.cc session.cc commands.cc auth.cc local.cc submission.cc data.cc refused.cc bdat.cc filters.cc server.cc answers.cc
receive_DEP := base log event imsg worker smtp rfc5322 mime sasl conf
receive_EXT := bsd
receive_TESTS := data_reader_test chunk_reader_test extensions_test admission_test proxy_test limits_test receive_test receive_trouble_test receive_filters_test submission_header_test submission_test local_submission_test hostile_receive_test
receive_FUZZ := proxy_fuzz data_reader_fuzz submission_header_fuzz
