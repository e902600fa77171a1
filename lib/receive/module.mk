libs += receive
receive_SRC := data_reader.cc content.cc session.cc commands.cc data.cc server.cc
receive_DEP := base log event imsg worker smtp rfc5322
receive_EXT := bsd
receive_TESTS := data_reader_test receive_test
receive_FUZZ := data_reader_fuzz
