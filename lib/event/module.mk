libs += event
event_SRC := loop.cc stream.cc
event_DEP := base log
event_EXT := event
event_TESTS := event_test
