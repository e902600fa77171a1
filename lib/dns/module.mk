libs += dns
dns_SRC := answer.cc reader.cc system.cc event_base.cc engine.cc resolver.cc
dns_DEP := base event
dns_EXT := unbound
dns_TESTS := dns_answer_test dns_resolver_test
dns_FUZZ := dns_fuzz
