# The bench's own programs; regress/bench/run drives them. Not installed.
progs += bench_load bench_sink bench_watch
bench_load_OUT := regress/bench
bench_load_SRC := regress/bench/load.cc
bench_sink_OUT := regress/bench
bench_sink_SRC := regress/bench/sink.cc
bench_watch_OUT := regress/bench
bench_watch_SRC := regress/bench/watch.cc
