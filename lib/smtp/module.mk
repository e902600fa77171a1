libs += smtp
smtp_SRC := address.cc command.cc params.cc reply.cc reply_reader.cc cause.cc
smtp_DEP := base text
smtp_TESTS := smtp_address_test smtp_command_test smtp_reply_test cause_test
smtp_FUZZ := address_fuzz smtp_command_fuzz smtp_reply_fuzz
