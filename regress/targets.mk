# check: every test, in less than half an hour. soak: the same with long times. The list of what runs is in run-checks.
CHECK_JOBS ?= $(shell nproc)
RUN_CHECKS = python3 regress/tools/run-checks --build $(B) --cxx '$(CXX)' --log build/check/build.log \
        --programs '$(INSTALLED)' --tests '$(TESTS)' --fuzzers '$(FUZZERS)'

.PHONY: check soak check-build demo
check: check-build
	$(RUN_CHECKS) $(CHECK_ARGS)
soak: check-build
	$(RUN_CHECKS) --soak $(CHECK_ARGS)

# The build in one log, whose warnings are a failed check; a broken program must not hide the other results.
check-build:
	@sh etc/install-deps etc/deps regress/deps
	@mkdir -p build/check
	@$(MAKE) --no-print-directory -k -j$(CHECK_JOBS) tests fuzzers > build/check/build.log 2>&1 || \
	  { tail -n 40 build/check/build.log; echo 'check: the build failed' >> build/check/build.log; }

# A second make: what a missing package would have changed is asked for anew.
demo:
	@sh etc/install-deps etc/deps regress/tools/demo.deps
	@$(MAKE) --no-print-directory -j$(CHECK_JOBS) all
	@bash regress/tools/demo $(B)

# Mailkeep beside Debian's Postfix; make bench BENCH_ARGS='--rounds 5 --only rate'
.PHONY: bench
bench: all
	regress/bench/run $(BENCH_ARGS)
