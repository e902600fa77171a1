libs += conf
conf_SRC := config.cc
conf_DEP := base
conf_TESTS :=
conf_FUZZ :=
