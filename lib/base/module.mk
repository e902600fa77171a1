libs += base
base_SRC := crc32c.cc result.cc text.cc clock.cc calendar.cc
base_DEP :=
base_TESTS := crc32c_test result_test text_test calendar_test
