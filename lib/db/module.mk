libs += db
db_SRC := environment.cc database.cc error.cc
db_DEP := base
db_EXT := db
db_TESTS := db_test
