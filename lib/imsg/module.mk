libs += imsg
imsg_SRC := channel.cc routes.cc
imsg_DEP := base log event
imsg_TESTS := imsg_test
