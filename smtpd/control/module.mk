progs += control mailkeepctl
control_OUT := libexec/mailkeep
control_SRC := smtpd/control/main.cc smtpd/control/control.cc
control_DEP := worker
control_TESTS := control_test hostile_control_test
control_TESTSRC := smtpd/control/control.cc

mailkeepctl_OUT := sbin
mailkeepctl_SRC := smtpd/control/ctl_main.cc smtpd/control/ctl_verbs.cc smtpd/control/ctl_queue.cc smtpd/control/ctl_history.cc smtpd/control/ctl_trace.cc smtpd/control/ctl_select.cc \
        smtpd/control/ctl_print.cc smtpd/control/ctl_print_life.cc smtpd/control/ctl_relay.cc smtpd/control/ctl_table.cc
mailkeepctl_DEP := smtp text base imsg conf db worker
mailkeepctl_EXT := json
mailkeepctl_MAN := smtpd/control/mailkeepctl.8
mailkeepctl_TESTS := ctl_print_test ctl_select_test
mailkeepctl_TESTSRC := smtpd/control/ctl_print.cc smtpd/control/ctl_print_life.cc smtpd/control/ctl_relay.cc smtpd/control/ctl_select.cc
ctl_select_test_EXT := json
ctl_print_test_EXT := json
