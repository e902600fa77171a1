progs += queue spool_bench spool_fill
queue_core := queue/bounce.cc queue/envelope.cc queue/files.cc queue/history.cc queue/in_hand.cc queue/salvage.cc queue/needle.cc queue/schedule.cc queue/search_index.cc queue/selection.cc queue/spool.cc queue/spool_read.cc queue/spool_search.cc queue/spool_walk.cc queue/notes.cc queue/tables.cc

queue_OUT := libexec/mailkeep
queue_SRC := $(addprefix queue/,main.cc queue.cc intake.cc returns.cc forwards.cc memory.cc verbs.cc operate.cc lives.cc held.cc settlements.cc local.cc remote.cc remote_results.cc \
        content.cc honest.cc tickets.cc) $(queue_core)
queue_DEP := worker db smtp rfc5322 text imsg event os log base
queue_EXT := bsd
queue_TESTSRC := $(filter-out queue/main.cc,$(queue_SRC))
queue_TESTS := local_test remote_test queue_process_test queue_submission_test tickets_test hostile_queue_test queue_operate_test queue_reports_test queue_reroute_test
queue_process_test_EXT := bsd
queue_submission_test_EXT := bsd
tickets_test_EXT := bsd
local_test_EXT := bsd
hostile_queue_test_EXT := bsd
queue_operate_test_EXT := bsd
queue_reports_test_EXT := bsd
queue_reroute_test_EXT := bsd
remote_test_EXT := bsd

# How fast the spool takes messages: regress/bench/spool_bench DIR MESSAGES PER-COMMIT SIZE
spool_bench_OUT := regress/bench
spool_bench_SRC := queue/spool_bench.cc $(queue_core)
spool_bench_DEP := db smtp rfc5322 text imsg log os base
spool_bench_EXT := bsd
# A spool with mail that waits: regress/bench/spool_fill DIR MESSAGES RECIPIENTS
spool_fill_OUT := regress/bench
spool_fill_SRC := queue/spool_fill.cc $(queue_core)
spool_fill_DEP := $(spool_bench_DEP)
spool_fill_EXT := bsd
spool_bench_TESTSRC := $(queue_core)
spool_bench_TESTS := bounce_test envelope_test selection_test in_hand_test history_test spool_test spool_crash_test spool_damage_test spool_files_test spool_search_test spool_walk_test
spool_search_test_EXT := bsd
spool_walk_test_EXT := bsd
spool_files_test_EXT := bsd
selection_test_EXT := bsd
in_hand_test_EXT := bsd
history_test_EXT := bsd
envelope_test_EXT := bsd
bounce_test_EXT := bsd
spool_test_EXT := bsd
spool_crash_test_EXT := bsd
spool_damage_test_EXT := bsd
