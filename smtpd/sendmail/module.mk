progs += sendmail
sendmail_OUT := sbin
sendmail_SRC := smtpd/sendmail/main.cc smtpd/sendmail/arguments.cc smtpd/sendmail/letter.cc smtpd/sendmail/dialog.cc \
  smtpd/sendmail/submit.cc smtpd/sendmail/operator.cc
sendmail_DEP := base imsg conf rfc5322 smtp text
sendmail_MAN := smtpd/sendmail/sendmail.8
sendmail_TESTS := sendmail_arguments_test sendmail_letter_test
sendmail_TESTSRC := smtpd/sendmail/arguments.cc smtpd/sendmail/letter.cc
sendmail_FUZZ := sendmail_letter_fuzz
