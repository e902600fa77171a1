# Mailkeep: one non-recursive makefile over the module.mk of each folder.
#   make            build everything           make demo     a complete server on loopback
#   make check      build and run all tests    make soak     the long ones
#   make install    [DESTDIR=] [PREFIX=/usr/local] [SYSCONFDIR=/etc]
#   make deps       install what a build needs (apt or dnf)
# Variants: make SAN=address,undefined; make CXX=g++-11; make OPT=-O0. Each has its own build folder.
# make DEBUG=-g for a debugger.
MAKEFLAGS += --no-builtin-rules
.SUFFIXES:
.DELETE_ON_ERROR:
all:

VERSION    := $(shell cat etc/VERSION)
PREFIX     ?= /usr/local
SYSCONFDIR ?= /etc
ifeq ($(origin CXX),default)
CXX        := g++
endif
FUZZCXX    ?= clang++
# Lines and functions for backtraces; what a debugger wants beside (DEBUG=-g) costs a third of the compiler's time.
DEBUG      ?= -g1
SAN        ?=
OPT        ?= $(if $(SAN),-O1,-O2)
DEPS       := etc/deps

empty :=
space := $(empty) $(empty)
comma := ,
VARIANT := $(notdir $(lastword $(CXX)))$(if $(SAN),-$(subst $(comma),-,$(SAN)))$(if $(filter-out $(if $(SAN),-O1,-O2),$(OPT)),$(OPT))
B ?= build/$(VARIANT)

# --- flags -----------------------------------------------------------------------------------------
WARN := -Wall -Wextra -Wshadow -Wconversion -Wsign-conversion -Wold-style-cast -Wcast-qual -Wformat=2 \
        -Wnon-virtual-dtor -Woverloaded-virtual -Wundef -Wimplicit-fallthrough
HARD = -fstack-protector-strong -fPIE -D_GLIBCXX_ASSERTIONS \
        $(if $(SAN)$(filter -O0,$(OPT)),,-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)
CXXFLAGS_ALL = -std=c++20 -fno-exceptions -fno-rtti -pthread $(DEBUG) $(OPT) $(WARN) $(HARD) -I. -D_GNU_SOURCE \
        -DMAILKEEP_VERSION='"$(VERSION)"' -DMAILKEEP_PREFIX='"$(PREFIX)"' -DMAILKEEP_SYSCONFDIR='"$(SYSCONFDIR)"' \
        $(if $(SAN),-fsanitize=$(SAN) -fno-sanitize-recover=all -fno-omit-frame-pointer) $(CXXFLAGS)
LDFLAGS_ALL = -pie -Wl,-z,relro,-z,now -pthread -Wl,--as-needed $(if $(SAN),-fsanitize=$(SAN)) $(LDFLAGS)

# --- libraries: by pkg-config, or by header and name ------------------------------------------------
# Each external library: how to link it. A build names only those that its programs use.
PC = $(or $(shell pkg-config --libs $(1) 2>/dev/null),missing-library-$(1))
EXT_event    = $(call PC,libevent)
EXT_tls      = $(call PC,libtls)
EXT_bsd      = $(call PC,libbsd)
EXT_cmocka   = $(call PC,cmocka)
EXT_seccomp  = $(call PC,libseccomp)
EXT_crypto   = $(call PC,libcrypto)
EXT_idn2     = $(call PC,libidn2)
EXT_json     = $(call PC,json-c)
EXT_z        = $(call PC,zlib)
EXT_crypt    = -lcrypt
EXT_unistring = -lunistring
EXT_idn2     = -lidn2
EXT_pam      = -lpam
EXT_db       = -ldb-5.3
EXT_unbound  = $(call PC,libunbound)
EXT_pcre2    = $(call PC,libpcre2-8)

# --- modules ---------------------------------------------------------------------------------------
# A library folder sets, in its module.mk:  libs += X, X_SRC (files of lib/X), X_DEP (other libs of ours),
# X_EXT (names above), X_TESTS (regress/unit/NAME.cc), X_FUZZ (regress/fuzz/NAME.cc).
# A program folder sets: progs += P, P_OUT (sbin or libexec/mailkeep), P_SRC (whole paths), P_DEP, P_EXT,
# and P_TESTS, P_FUZZ with P_TESTSRC (the files of P that they link). P_MAN lists its manual pages.
# A folder whose objects belong to another folder's program sets, for tests of its own: units += T, T_UNITSRC, T_DEP.
libs  :=
progs :=
units :=
include $(sort $(wildcard lib/*/module.mk smtpd/*/module.mk queue/module.mk lmtpd/*/module.mk imapd/*/module.mk \
        regress/*/module.mk))

closure = $(if $(strip $(1)),$(call uniq,$(1) $(call closure,$(foreach l,$(1),$($(l)_DEP)))))
uniq    = $(if $(1),$(firstword $(1)) $(call uniq,$(filter-out $(firstword $(1)),$(1))))
objects = $(patsubst %.cc,$(B)/%.o,$(1))
archives = $(patsubst %,$(B)/lib/lib%.a,$(1))
extlibs = $(foreach e,$(call uniq,$(2) $(foreach l,$(1),$($(l)_EXT))),$(EXT_$(e)))

OBJS :=
BINS :=
TESTS :=
FUZZERS :=

define library
$(B)/lib/lib$(1).a: $(call objects,$(addprefix lib/$(1)/,$($(1)_SRC)))
	@rm -f $$@ && ar rcs $$@ $$^
OBJS += $(call objects,$(addprefix lib/$(1)/,$($(1)_SRC)))
$(foreach t,$($(1)_TESTS),$(eval $(call unit,$(t),$(1) $($(t)_DEP),)))
$(foreach t,$($(1)_FUZZ),$(eval $(call fuzzer,$(t),$(1) $($(t)_DEP),)))
endef
define program
$(B)/$($(1)_OUT)/$(1): $(call objects,$($(1)_SRC)) $(call archives,$(call closure,$($(1)_DEP)))
	@mkdir -p $$(@D)
	$$(Q)$(CXX) $(LDFLAGS_ALL) -o $$@ $(call objects,$($(1)_SRC)) -Wl,--start-group \
	  $(call archives,$(call closure,$($(1)_DEP))) -Wl,--end-group $$(call extlibs,$(call closure,$($(1)_DEP)),$($(1)_EXT))
OBJS += $(call objects,$($(1)_SRC))
BINS += $(B)/$($(1)_OUT)/$(1)
$(foreach t,$($(1)_TESTS),$(eval $(call unit,$(t),$($(1)_DEP) $($(t)_DEP),$($(1)_TESTSRC))))
$(foreach t,$($(1)_FUZZ),$(eval $(call fuzzer,$(t),$($(1)_DEP) $($(t)_DEP),$($(1)_TESTSRC))))
endef
define unit
TESTS += $(B)/regress/unit/$(1)
OBJS += $(call objects,regress/unit/$(1).cc $(3))
$(B)/regress/unit/$(1): $(call objects,regress/unit/$(1).cc $(3)) $(call archives,$(call closure,$(2)))
	$$(Q)$(CXX) $(LDFLAGS_ALL) -o $$@ $(call objects,regress/unit/$(1).cc $(3)) -Wl,--start-group \
	  $(call archives,$(call closure,$(2))) -Wl,--end-group $$(call extlibs,$(call closure,$(2)),cmocka $($(1)_EXT))
endef
# Fuzzers compile everything with their own compiler and sanitizers.
fuzz_objects = $(patsubst %.cc,build/fuzz/obj/%.o,$(1))
FUZZFLAGS = -std=c++20 -fno-exceptions -fno-rtti -g1 -O1 -I. -D_GNU_SOURCE -DMAILKEEP_VERSION='"fuzz"' \
        -DMAILKEEP_PREFIX='"/"' -DMAILKEEP_SYSCONFDIR='"/"' -fsanitize=fuzzer,address,undefined \
        -fno-sanitize-recover=undefined
define fuzzer
FUZZERS += build/fuzz/$(1)
build/fuzz/$(1): $(call fuzz_objects,regress/fuzz/$(1).cc $(3) $(foreach l,$(call closure,$(2)),$(addprefix lib/$(l)/,$($(l)_SRC))))
	$$(Q)$(FUZZCXX) $(FUZZFLAGS) -o $$@ $$^ $$(call extlibs,$(call closure,$(2)),$($(1)_EXT))
endef
build/fuzz/obj/%.o: %.cc
	@mkdir -p $(@D)
	$(Q)$(FUZZCXX) $(FUZZFLAGS) -MMD -MP -c -o $@ $<
.SECONDARY:
Q := @
$(foreach l,$(libs),$(eval $(call library,$(l))))
$(foreach p,$(progs),$(eval $(call program,$(p))))
$(foreach t,$(units),$(eval $(call unit,$(t),$($(t)_DEP),$($(t)_UNITSRC))))
OBJS := $(sort $(OBJS))

# --- build -----------------------------------------------------------------------------------------
STAMP := $(B)/flags
$(shell mkdir -p $(sort $(dir $(OBJS))) $(B)/lib; printf '%s\n' '$(subst ','\'',$(CXX) $(CXXFLAGS_ALL) $(LDFLAGS_ALL))' \
  | cmp -s - $(STAMP) || printf '%s\n' '$(subst ','\'',$(CXX) $(CXXFLAGS_ALL) $(LDFLAGS_ALL))' > $(STAMP))

# The tests' own code is compiled for the compiler's sake: what they test is not.
$(B)/regress/unit/%.o: OPT = -O0

$(B)/%.o: %.cc $(STAMP) | $(B)/probed
	$(Q)$(CXX) $(CXXFLAGS_ALL) -MMD -MP -c -o $@ $<
-include $(OBJS:.o=.d) $(shell find build/fuzz/obj -name '*.d' 2>/dev/null)

$(B)/probed: $(DEPS) etc/probe
	$(Q)sh etc/probe $(DEPS) && touch $@

.PHONY: all tests fuzzers deps check soak demo lint install clean compile_commands.json
all: $(BINS) compile_commands.json
tests: all $(TESTS)
fuzzers: $(FUZZERS)

compile_commands.json: $(STAMP)
	@python3 regress/tools/compile_commands '$(CURDIR)' $(OBJS:$(B)/%.o=%.cc) -- $(CXX) $(CXXFLAGS_ALL) > $@.tmp
	@cmp -s $@.tmp $@ && rm $@.tmp || mv $@.tmp $@

deps:
	sh etc/install-deps $(DEPS)
lint: compile_commands.json
	@sh etc/install-deps regress/tools/lint.deps
	sh regress/tools/lint $(B)
clean:
	rm -rf build compile_commands.json

include regress/targets.mk etc/install.mk
