libs += sasl
sasl_SRC := plain.cc exchange.cc
sasl_DEP := base text
sasl_TESTS := sasl_test sasl_exchange_test
sasl_FUZZ := sasl_fuzz
