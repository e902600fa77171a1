progs += auth pam
auth_OUT := libexec/mailkeep
auth_SRC := smtpd/auth/main.cc smtpd/auth/server.cc smtpd/auth/accounts.cc smtpd/auth/password.cc smtpd/auth/children.cc \
  smtpd/auth/identify.cc
auth_DEP := base log event imsg os worker conf
auth_EXT := crypt
auth_TESTS := auth_test hostile_auth_test
auth_TESTSRC := smtpd/auth/server.cc smtpd/auth/identify.cc smtpd/auth/accounts.cc smtpd/auth/password.cc smtpd/auth/children.cc
auth_test_EXT := crypt
hostile_auth_test_EXT := crypt

pam_OUT := libexec/mailkeep
pam_SRC := smtpd/auth/pam_main.cc smtpd/auth/children.cc
pam_DEP := base log event imsg os worker
pam_EXT := pam
