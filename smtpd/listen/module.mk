progs += smtpd
smtpd_OUT := libexec/mailkeep
smtpd_SRC := smtpd/listen/main.cc
smtpd_DEP := base log event imsg os worker smtp rfc5322 sasl conf receive
