libs += receive
receive_SRC := data_reader.cc chunk_reader.cc extensions.cc content.cc submission_header.cc session.cc commands.cc auth.cc submission.cc data.cc bdat.cc server.cc
receive_DEP := base log event imsg worker smtp rfc5322 sasl
receive_EXT := bsd
receive_TESTS := data_reader_test chunk_reader_test extensions_test receive_test submission_header_test submission_test hostile_receive_test
receive_FUZZ := data_reader_fuzz submission_header_fuzz
