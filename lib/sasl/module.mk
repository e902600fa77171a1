libs += sasl
sasl_SRC := plain.cc
sasl_DEP := base text
sasl_TESTS := sasl_test
sasl_FUZZ := sasl_fuzz
