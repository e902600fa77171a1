progs += relay
relay_core := $(addprefix smtpd/relay/,reply_reader.cc offers.cc content.cc dialog.cc dialog_mail.cc)
relay_process := $(addprefix smtpd/relay/,relay.cc hosts.cc connection.cc connector.cc)
relay_OUT := libexec/mailkeep
relay_SRC := smtpd/relay/main.cc $(relay_process) $(relay_core)
relay_DEP := worker conf smtp text base log event imsg os
relay_TESTS := relay_dialog_test relay_test
relay_TESTSRC := $(relay_core) $(relay_process)
