libs += db
db_SRC := environment.cc database.cc error.cc log_reader.cc raw.cc table_reader.cc constant_table.cc
db_DEP := base
db_EXT := db
db_TESTS := db_test constant_table_test
