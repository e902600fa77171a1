libs += store
store_SRC := types.cc record.cc meta.cc state.cc snapshot.cc journal.cc scan.cc cache.cc names.cc store.cc messages.cc \
             mailboxes.cc replay.cc compact.cc
store_DEP := mime os base
store_TESTS := store_test store_damage_test store_crash_test
