progs += lookup
lookup_OUT := libexec/mailkeep
lookup_SRC := $(addprefix smtpd/lookup/,main.cc lookup.cc build.cc expand.cc senders.cc rules.cc tables.cc)
lookup_DEP := worker conf smtp base
lookup_TESTS := lookup_test lookup_sender_test hostile_lookup_test
lookup_TESTSRC := $(addprefix smtpd/lookup/,lookup.cc expand.cc senders.cc rules.cc tables.cc build.cc)
