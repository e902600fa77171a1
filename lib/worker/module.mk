libs += worker
worker_SRC := worker.cc
worker_DEP := base log event imsg os
worker_EXT := bsd
