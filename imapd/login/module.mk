progs += imapd
imapd_OUT := libexec/mailkeep
imapd_SRC := imapd/login/main.cc imapd/login/server.cc imapd/login/session.cc imapd/login/dialog.cc
imapd_DEP := base log event imsg os worker imap sasl
imapd_TESTS := imapd_dialog_test hostile_imapd_test
imapd_TESTSRC := imapd/login/server.cc imapd/login/session.cc imapd/login/dialog.cc
