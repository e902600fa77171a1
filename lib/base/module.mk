libs += base
base_SRC := result.cc text.cc clock.cc
base_DEP :=
base_TESTS := result_test text_test
