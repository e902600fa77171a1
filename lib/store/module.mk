libs += store
store_SRC := types.cc big.cc bodies.cc record.cc meta.cc state.cc snapshot.cc heads.cc box_fields.cc index.cc journal.cc scan.cc cache.cc cache_compact.cc names.cc torn.cc \
             store.cc messages.cc mailboxes.cc replay.cc compact.cc
store_DEP := mime os base
store_TESTS := store_test store_index_test store_damage_test store_crash_test

# How fast a store is opened, filled and synced: regress/bench/store_bench DIR open | fill N | sync N
progs += store_bench
store_bench_OUT := regress/bench
store_bench_SRC := regress/bench/store_bench.cc
store_bench_DEP := store log os base
