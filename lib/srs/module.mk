libs += srs
srs_SRC := srs.cc
srs_DEP := base smtp crypto
srs_TESTS := srs_test
