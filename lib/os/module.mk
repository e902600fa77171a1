libs += os
os_SRC := io.cc
os_DEP := base
os_EXT :=
os_TESTS :=
