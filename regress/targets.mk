# check: every test, in less than half an hour. soak: the same with long times. The list of what runs is in run-checks.
CHECK_JOBS ?= $(shell nproc)
RUN_CHECKS = python3 regress/tools/run-checks --build $(B) --cxx '$(CXX)' --log build/check/build.log \
        --programs '$(INSTALLED)' --tests '$(TESTS)' --fuzzers '$(FUZZERS)'

.PHONY: check soak check-build demo captive
check: check-build
	$(RUN_CHECKS) $(CHECK_ARGS)
soak: check-build
	$(RUN_CHECKS) --soak $(CHECK_ARGS)

# The build in one log, whose warnings are a failed check; a broken program must not hide the other results.
check-build:
	@sh etc/install-deps etc/deps regress/deps
	@mkdir -p build/check
	@$(MAKE) --no-print-directory -k -j$(CHECK_JOBS) tests fuzzers captive > build/check/build.log 2>&1 || \
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

# The captive build (see regress/captive/captive.h): the workers' own objects, and before the libraries these, so that
# the libraries' worker, seccomp and channel stay out.
CAPTIVE     := $(B)/captive
CAPTIVE_SRC := regress/captive/captive.cc regress/captive/acts.cc regress/captive/frames.cc \
        lib/worker/worker.cc lib/os/seccomp.cc lib/imsg/channel.cc
CAPTIVE_OBJ := $(patsubst %.cc,$(CAPTIVE)/obj/%.o,$(CAPTIVE_SRC))
CAPTIVE_BINS :=
$(CAPTIVE)/obj/%.o: %.cc $(STAMP) | $(B)/probed
	@mkdir -p $(@D)
	$(Q)$(CXX) $(CXXFLAGS_ALL) -DMAILKEEP_CAPTIVE -MMD -MP -c -o $@ $<
# $(1) program, $(2) its objects, $(3) libraries, $(4) external libraries
define captive
CAPTIVE_BINS += $(CAPTIVE)/libexec/mailkeep/$(1)
$(CAPTIVE)/libexec/mailkeep/$(1): $(CAPTIVE_OBJ) $(2) $(call archives,$(call closure,$(3)))
	@mkdir -p $$(@D)
	$$(Q)$(CXX) $(LDFLAGS_ALL) -o $$@ $(CAPTIVE_OBJ) $(2) -Wl,--start-group $(call archives,$(call closure,$(3))) \
	  -Wl,--end-group $(call extlibs,$(call closure,$(3)),$(4))
endef
$(foreach p,$(progs),$(if $(filter libexec/mailkeep,$($(p)_OUT)), \
  $(eval $(call captive,$(p),$(call objects,$($(p)_SRC)),$($(p)_DEP),$($(p)_EXT)))))
$(eval $(call captive,captive_free,$(CAPTIVE)/obj/regress/captive/free_main.o,worker,))
-include $(CAPTIVE_OBJ:.o=.d)
captive: $(CAPTIVE_BINS)
