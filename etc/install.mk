# install: what CONTRACT names, from the program folders' own lists. Creates no users: mailkeep.sysusers does.
# Benches and the like, which go elsewhere in the build, are not installed.
INSTALLED := $(foreach p,$(progs),$(if $(filter sbin libexec/mailkeep,$($(p)_OUT)),$(p)))
MAN8 := $(sort $(foreach p,$(progs),$(filter %.8,$($(p)_MAN))))
MAN5 := $(sort $(foreach p,$(progs),$(filter %.5,$($(p)_MAN))))
DEST  = $(DESTDIR)$(PREFIX)
SUBST = sed -e 's|@PREFIX@|$(PREFIX)|g' -e 's|@SYSCONFDIR@|$(SYSCONFDIR)|g' -e 's|@VERSION@|$(VERSION)|g'

install: all man
	install -d $(DEST)/sbin $(DEST)/libexec/mailkeep $(DEST)/share/man/man5 $(DEST)/share/man/man8 \
	  $(DEST)/share/doc/mailkeep $(DEST)/lib/systemd/system $(DEST)/lib/sysusers.d $(DEST)/lib/tmpfiles.d \
	  $(DESTDIR)$(SYSCONFDIR)/mailkeep $(DESTDIR)$(SYSCONFDIR)/pam.d
	$(foreach p,$(INSTALLED),install -m 755 $(B)/$($(p)_OUT)/$(p) $(DEST)/$($(p)_OUT)/$(p) &&) true
	install -d $(DEST)/bin && ln -sf ../sbin/sendmail $(DEST)/bin/mailq && ln -sf ../sbin/sendmail $(DEST)/bin/newaliases
	for f in $(notdir $(MAN5)); do install -m 644 $(B)/man/$$f $(DEST)/share/man/man5/ || exit 1; done
	for f in $(notdir $(MAN8)); do install -m 644 $(B)/man/$$f $(DEST)/share/man/man8/ || exit 1; done
	for n in mailq newaliases; do echo ".so man8/sendmail.8" > $(DEST)/share/man/man8/$$n.8 || exit 1; done
	$(SUBST) etc/mailkeep.service > $(DEST)/lib/systemd/system/mailkeep.service
	install -m 644 etc/mailkeep.sysusers $(DEST)/lib/sysusers.d/mailkeep.conf
	install -m 644 etc/mailkeep.tmpfiles $(DEST)/lib/tmpfiles.d/mailkeep.conf
	install -m 644 README etc/LICENSE etc/CHANGES etc/mailkeep.conf etc/mailkeep.pam $(DEST)/share/doc/mailkeep/
	[ -e $(DESTDIR)$(SYSCONFDIR)/mailkeep/mailkeep.conf ] || \
	  install -m 644 etc/mailkeep.conf $(DESTDIR)$(SYSCONFDIR)/mailkeep/mailkeep.conf
	[ -e $(DESTDIR)$(SYSCONFDIR)/pam.d/mailkeep ] || \
	  install -m 644 etc/mailkeep.pam $(DESTDIR)$(SYSCONFDIR)/pam.d/mailkeep

# Pages are made in the build folder: paths and version filled in, and mailkeep.conf(5) gets the options' table.
.PHONY: man
man: $(addprefix $(B)/man/,$(notdir $(MAN5) $(MAN8)))
define manpage
$(B)/man/$(notdir $(1)): $(1) $(STAMP) etc/VERSION $(if $(filter %.5,$(1)),$(B)/options_mdoc)
	@mkdir -p $$(@D)
	@$(if $(filter %.5,$(1)),$(B)/options_mdoc > $$@.tmp && sed -e '/^@OPTIONS@/{r '$$@.tmp -e 'd}' $$<,cat $$<) \
	  | $(SUBST) > $$@ && rm -f $$@.tmp
endef
$(foreach m,$(MAN5) $(MAN8),$(eval $(call manpage,$(m))))

# A small tool of the build: prints the options' table of lib/conf as mdoc.
$(B)/options_mdoc: etc/options_mdoc.cc $(call archives,$(call closure,conf))
	$(Q)$(CXX) $(CXXFLAGS_ALL) $(LDFLAGS_ALL) -o $@ $< -Wl,--start-group $(call archives,$(call closure,conf)) \
	  -Wl,--end-group $(call extlibs,$(call closure,conf),)
