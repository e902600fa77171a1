# IMAP after login: objects of the program `user` (lmtpd/user), which names $(imap_session_SRC) in its P_SRC and
# $(imap_session_DEP) in its P_DEP.
imap_session_SRC := $(addprefix imapd/session/,session.cc updates.cc names.cc view.cc search_matcher.cc \
    cmd_any.cc cmd_select.cc cmd_create.cc cmd_delete.cc cmd_rename.cc cmd_subscribe.cc cmd_list.cc cmd_status.cc \
    cmd_append.cc cmd_idle.cc cmd_expunge.cc cmd_search.cc cmd_fetch.cc cmd_store.cc cmd_copy.cc)
imap_session_DEP := imap mime store text rfc5322 base
units += session_test
session_test_UNITSRC := $(imap_session_SRC)
session_test_DEP := $(imap_session_DEP)
units += session_abuse_test
session_abuse_test_UNITSRC := $(imap_session_SRC)
session_abuse_test_DEP := $(imap_session_DEP)
units += session_fetch_test
session_fetch_test_UNITSRC := $(imap_session_SRC)
session_fetch_test_DEP := $(imap_session_DEP)
