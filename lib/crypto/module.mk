libs += crypto
crypto_SRC := digest.cc hmac.cc certificate.cc
crypto_DEP := base
crypto_EXT := crypto
crypto_TESTS := certificate_test
