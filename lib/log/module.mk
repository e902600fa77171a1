libs += log
log_SRC := log.cc
log_DEP := base
log_TESTS := log_test
