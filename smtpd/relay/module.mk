progs += relay
relay_core := $(addprefix smtpd/relay/,reply_reader.cc offers.cc content.cc dialog.cc dialog_mail.cc policy.cc sts.cc http.cc providers.cc gate.cc scores.cc learned.cc)
relay_process := $(addprefix smtpd/relay/,relay.cc hosts.cc show.cc sts_process.cc fetch.cc limits.cc connection.cc connector.cc)
relay_OUT := libexec/mailkeep
relay_SRC := smtpd/relay/main.cc $(relay_process) $(relay_core)
relay_DEP := worker conf smtp text base log event imsg os
relay_TESTS := relay_dialog_test relay_test tls_policy_test sts_test gate_test
relay_TESTSRC := $(relay_core) $(relay_process)
