progs += user
user_OUT := libexec/mailkeep
user_SRC = $(addprefix lmtpd/user/,main.cc template.cc mailbox_process.cc delivery.cc) $(imap_session_SRC)
user_DEP = base log event imsg os worker store mime imap $(imap_session_DEP)
user_EXT := bsd
user_TESTS := hostile_user_test
user_TESTSRC = $(filter-out lmtpd/user/main.cc,$(user_SRC))
hostile_user_test_EXT := bsd
