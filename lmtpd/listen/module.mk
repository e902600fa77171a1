progs += lmtpd
lmtpd_OUT := libexec/mailkeep
lmtpd_SRC := lmtpd/listen/main.cc
lmtpd_DEP := base log event imsg os worker smtp rfc5322 sasl conf receive
