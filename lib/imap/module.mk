libs += imap
imap_SRC := date.cc sequence_set.cc lexer.cc command.cc command_list.cc command_fetch.cc command_search.cc \
            writer.cc list_pattern.cc reader.cc
imap_DEP := base
imap_TESTS := imap_lexer_test imap_command_test imap_reader_test
imap_FUZZ := imap_fuzz
