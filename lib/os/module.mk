libs += os
os_SRC := io.cc descriptors.cc privilege.cc peer.cc landlock.cc seccomp.cc memory.cc
os_DEP := base
os_EXT := bsd seccomp
os_TESTS := privilege_test peer_test descriptors_test sandbox_test memory_test
sandbox_test_DEP := event log
