libs += conf
conf_SRC := config.cc path_template.cc lex.cc names.cc network.cc options.cc parser.cc parser_listen.cc parser_rules.cc parser_actions.cc parser_relay.cc parser_filter.cc parser_senders.cc credentials.cc resolve.cc parse.cc read.cc sockets.cc check.cc demo.cc accounts.cc aliases.cc list.cc
conf_SRC += tls_policy.cc
conf_DEP := base pattern
conf_TESTS := conf_test conf_rules_test path_template_test accounts_test aliases_test credentials_test
conf_TESTS += tls_policy_table_test table_list_test
conf_FUZZ := conf_fuzz aliases_fuzz path_template_fuzz
