progs += spool_bench
queue_core := queue/bounce.cc queue/envelope.cc queue/files.cc queue/schedule.cc queue/spool.cc queue/spool_read.cc

# How fast the spool takes messages: regress/bench/spool_bench DIR MESSAGES PER-COMMIT SIZE
spool_bench_OUT := regress/bench
spool_bench_SRC := queue/spool_bench.cc $(queue_core)
spool_bench_DEP := db rfc5322 imsg log os base
spool_bench_EXT := bsd
spool_bench_TESTSRC := $(queue_core)
spool_bench_TESTS := bounce_test envelope_test spool_test spool_crash_test
envelope_test_EXT := bsd
bounce_test_EXT := bsd
spool_test_EXT := bsd
spool_crash_test_EXT := bsd
