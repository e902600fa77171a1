progs += tls
tls_OUT := libexec/mailkeep
tls_SRC := smtpd/tls/main.cc smtpd/tls/server.cc smtpd/tls/connection.cc smtpd/tls/keys.cc
tls_DEP := base log event imsg os worker
tls_EXT := tls
tls_TESTS := tls_connection_test
tls_TESTSRC := smtpd/tls/connection.cc smtpd/tls/keys.cc
tls_connection_test_EXT := tls
