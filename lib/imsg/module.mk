libs += imsg
imsg_SRC := channel.cc routes.cc
imsg_DEP := base log event
imsg_TESTS := imsg_test messages_test
imsg_FUZZ := imsg_fuzz
messages_test_DEP := worker
