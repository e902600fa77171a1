progs += mailkeepd
mailkeepd_OUT := sbin
mailkeepd_SRC := $(addprefix smtpd/parent/,main.cc parent.cc reload.cc requests.cc users.cc user_template.cc slices.cc slices_lookup.cc load.cc process.cc listeners.cc accounts.cc \
        state_dir.cc identities.cc outer_socket.cc files.cc notify.cc demo.cc)
mailkeepd_DEP := base log event imsg os worker conf
mailkeepd_EXT := bsd
mailkeepd_MAN := smtpd/parent/mailkeepd.8 smtpd/parent/mailkeep.conf.5
mailkeepd_TESTS := users_test
mailkeepd_TESTSRC := $(addprefix smtpd/parent/,users.cc user_template.cc slices.cc slices_lookup.cc process.cc listeners.cc accounts.cc files.cc)
users_test_EXT := bsd
