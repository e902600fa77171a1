libs += store
store_SRC := types.cc
store_DEP := os base
store_TESTS :=
