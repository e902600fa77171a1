libs += pattern
pattern_SRC := pattern.cc
pattern_DEP := base
pattern_EXT := pcre2
pattern_TESTS := pattern_test
