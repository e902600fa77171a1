// smtpd/lookup: the expansion of recipients to accounts and addresses.
// SPDX-License-Identifier: ISC
#include "smtpd/lookup/lookup.h"
#include "regress/unit/lookup_fixture.h"

static void accounts_and_details(void**) {
  const auto rules = make_rules(kRules, "", {"ann", "ben@other.test", "c+d"});
  const struct {
    const char *to, *expected;
  } cases[] = {
      {"ann@mk.test", "250 ann<ann@mk.test>"},
      {"ANN@MK.Test", "250 ann<ANN@MK.Test>"},
      {"ann+Lists@mk.test", "250 ann+Lists<ann+Lists@mk.test>"},
      {"ann+a+b@mk.test", "250 ann+a+b<ann+a+b@mk.test>"},
      {"+ann@mk.test", "550 5.1.1"},
      {"ann@other.test", "250 ann<ann@other.test>"},
      {"ben@other.test", "250 ben@other.test<ben@other.test>"},
      {"ben+x@other.test", "250 ben@other.test+x<ben+x@other.test>"},
      {"ben@mk.test", "550 5.1.1"},
      {"c+d@mk.test", "250 c+d<c+d@mk.test>"},
      {"nobody@mk.test", "550 5.1.1"},
      {"../x@mk.test", "550 5.1.1"},
      {"ann@far.test", "550 5.7.1"},
      {"ann@sub.mk.test", "550 5.7.1"},
  };
  for (const auto& c : cases) assert_text(route(rules, c.to), c.expected);
}

static void aliases(void**) {
  const auto rules = make_rules(kRules,
                                "root: ann\n"
                                "both: ann, Ben, ann\n"
                                "nested: both, carl@other.test, x@far.test\n"
                                "one@other.test: ben\n"
                                "one: ann\n"
                                "ann: ann, x@far.test\n"
                                "ben: \\ben\n"
                                "list+x: carl\n"
                                "list: ben\n"
                                "dead: nobody\n"
                                "half: nobody, ben\n"
                                "filed: ben+filed\n"
                                "diamond: d1, d2\nd1: carl\nd2: carl\ncarl: ben\n",
                                {"ann", "ben", "carl"});
  const struct {
    const char *to, *expected;
  } cases[] = {
      {"root@mk.test", "250 ann<ann@mk.test> >x@far.test"},
      {"both@mk.test", "250 ann<ann@mk.test> >x@far.test ben<ben@mk.test>"},
      {"nested@mk.test", "250 ann<ann@mk.test> >x@far.test ben<ben@mk.test>"},
      {"one@other.test", "250 ben<ben@other.test>"},
      {"one@mk.test", "250 ann<ann@mk.test> >x@far.test"},
      {"ann+d@mk.test", "250 ann+d<ann@mk.test> >x@far.test"},
      {"list+x@mk.test", "250 ben<ben@mk.test>"},
      {"list+y@mk.test", "250 ben+y<ben@mk.test>"},
      {"dead@mk.test", "550 5.1.1"},
      {"half@mk.test", "250 ben<ben@mk.test>"},
      {"filed@mk.test", "250 ben+filed<ben@mk.test>"},
      {"diamond@mk.test", "250 ben<ben@mk.test>"},
  };
  for (const auto& c : cases) assert_text(route(rules, c.to), c.expected);
}

static void catch_all(void**) {
  const auto rules = make_rules(kRules, "@mk.test: ann\n@: ben\nben: ben\n", {"ann", "ben"});
  assert_text(route(rules, "who+x@mk.test"), "250 ann<ann@mk.test>");
  assert_text(route(rules, "who@other.test"), "250 ben<ben@other.test>");
  assert_text(route(rules, "ben@mk.test"), "250 ben<ben@mk.test>");
  assert_text(route(rules, "postmaster@mk.test"), "250 ann<ann@mk.test>");  // by way of root
  assert_text(route(rules, "who@far.test"), "550 5.7.1");
}

static void loops_and_limits(void**) {
  std::string deep, wide = "wide:";
  for (int i = 0; i < 20; i++) deep += "d" + std::to_string(i) + ": d" + std::to_string(i + 1) + "\n";
  deep += "d20: ann\n";
  for (int i = 0; i < 9999; i++) wide += (i == 0 ? " u" : ", u") + std::to_string(i) + "@far.test";
  wide += "\nmore: wide, v1@far.test, v2@far.test\n";
  const auto rules = make_rules(kRules, "a: b\nb: c\nc: a\nself: self\n" + deep + wide, {"ann"});
  assert_text(route(rules, "a@mk.test"), "451 4.3.5");
  assert_text(route(rules, "self@mk.test"), "451 4.3.5");
  assert_text(route(rules, "d11@mk.test"), "250 ann<ann@mk.test>");
  assert_text(route(rules, "d10@mk.test"), "451 4.3.5");
  assert_int_equal(decide(rules, from_world(), mailbox("wide@mk.test")).destinations.size(), 9999);
  assert_text(route(rules, "more@mk.test"), "451 4.3.5");
}

static void postmaster(void**) {
  const auto to = [](const std::string& options, const std::string& aliases, const std::vector<std::string>& accounts,
                     const std::string& recipient) {
    return route(make_rules(options + kRules, aliases, accounts), recipient);
  };
  assert_text(to("", "", {"zoe", "ann"}, "postmaster"), "250 zoe<postmaster@mk.test>");
  assert_text(to("", "", {"zoe", "root"}, "PostMaster@other.test"), "250 root<root@other.test>");
  assert_text(to("", "root: zoe\n", {"ann", "zoe"}, "postmaster"), "250 zoe<zoe@mk.test>");
  assert_text(to("postmaster ann\n", "root: zoe\n", {"zoe", "ann"}, "postmaster"), "250 ann<ann@mk.test>");
  assert_text(to("postmaster \"x@far.test\"\n", "", {"zoe"}, "postmaster"), "250 >x@far.test");
  assert_text(to("postmaster postmaster\n", "", {"zoe"}, "postmaster"), "250 zoe<postmaster@mk.test>");
  assert_text(to("", "postmaster: ann\n", {"zoe", "ann"}, "postmaster+x@mk.test"), "250 ann+x<ann@mk.test>");
  assert_text(to("", "", {}, "postmaster"), "451 4.3.5");
  // The host's own name is local though no rule says so; other domains stay denied.
  assert_text(to("", "", {"zoe"}, "postmaster@mx.mk.test"), "250 zoe<postmaster@mx.mk.test>");
  assert_text(to("", "", {"zoe"}, "postmaster@far.test"), "550 5.7.1");
  assert_text(to("", "", {"zoe"}, "zoe@mx.mk.test"), "550 5.7.1");
}

static void system_accounts(void**) {
  auto rules = make_rules(kRules, "", {});
  rules.accounts = AccountSet([](const std::string& name) { return name == "ann"; });
  assert_text(route(rules, "Ann+x@mk.test"), "250 ann+x<Ann+x@mk.test>");
  assert_text(route(rules, "ben@mk.test"), "550 5.1.1");
}

static void duties(void**) {
  const auto rules = make_rules(kRules, "postmaster: ben\n", {"ann", "ben", "zoe"});
  assert_text(route(rules, "abuse@other.test"), "250 ben<ben@other.test>");
  assert_text(route(make_rules(kRules, "abuse: zoe\n", {"ann", "zoe"}), "abuse@mk.test"), "250 zoe<zoe@mk.test>");
  assert_text(route(make_rules(kRules, "", {"ann", "abuse"}), "abuse@mk.test"), "250 abuse<abuse@mk.test>");
  assert_text(route(make_rules("postmaster zoe\n" + kRules, "", {"ann", "zoe"}), "abuse@mk.test"),
              "250 zoe<zoe@mk.test>");
  assert_text(route(make_rules(kRules, "", {"ann"}), "ABUSE@mk.test"), "250 ann<postmaster@mk.test>");
  assert_text(route(make_rules(kRules, "", {}), "abuse@mk.test"), "451 4.3.5");
}

static void virtual_users(void**) {
  const auto rules = make_rules(
      "domain v.test\ndomain w.test alias-of v.test\ndomain mk.test\nsubaddress-separator \"+-\"\n"
      "table users { \"info@v.test\" = \"ann, ben@far.test\", \"@v.test\" = carl, boss = ann, \"loop@v.test\" = "
      "\"loop@v.test\" }\n"
      "table few { \"ann@v.test\" = ann }\naction v deliver virtual <users>\naction in deliver alias <aliases>\n"
      "match from any for domain v.test action v\nmatch from any for domain mk.test action in\n",
      "ann: dora\n", {"ann", "ben", "carl", "dora"});
  const struct {
    const char *to, *expected;
  } cases[] = {
      {"info@v.test", "250 ann<ann@v.test> >ben@far.test"},
      {"INFO+x@w.test", "250 ann+x<ann@v.test> >ben@far.test"},
      {"info-x+y@v.test", "250 ann+x+y<ann@v.test> >ben@far.test"},
      {"ben@v.test", "250 carl<carl@v.test>"},  // an account, but nobody there
      {"boss@v.test", "250 ann<ann@v.test>"},
      {"ann@mk.test", "250 dora<dora@mk.test>"},
      {"loop@v.test", "250 carl<carl@v.test>"},  // leads to itself: what others get
  };
  const auto with_postmaster = make_rules(
      "domain v.test\npostmaster zoe\ntable users { \"info@v.test\" = ben }\naction v deliver virtual <users>\n"
      "match from any for domain v.test action v\n",
      "", {"ann", "ben", "zoe"});
  for (const auto& c : cases) assert_text(route(rules, c.to), c.expected);
  assert_text(route(with_postmaster, "abuse@v.test"), "250 zoe<zoe@v.test>");
  assert_text(route(with_postmaster, "ann@v.test"), "550 5.1.1");
}

// As members of an alias: by the rules that deliver, and else to other hosts, whoever sends.
static void addresses_of_a_forward_file(void**) {
  const auto rules = make_rules(
      "domain mk.test\ndomain other.test\ndomain old.test alias-of mk.test\nsrs key 12345678\naction in deliver "
      "forward-file alias <aliases>\n"
      "action out relay\naction box maildir\nmatch from any for domain mk.test action in\n"
      "match from any for domain other.test action box\nmatch from auth for any action out\n",
      "team: ann, x@far.test\n", {"ann", "ben"});
  const auto forward = [&](const std::string& to) { return decide_forward(rules, mailbox(to)); };
  assert_text(show(forward("ben@mk.test")), "250 ben<ben@mk.test>");
  assert_text(forward("ben@mk.test").destinations.at(0).action, "in");
  assert_text(show(forward("ben@old.test")), "250 ben<ben@mk.test>");
  assert_text(show(forward("team@mk.test")), "250 ann<ann@mk.test> >x@far.test");
  assert_text(show(forward("nobody@mk.test")), "550 5.1.1");
  assert_text(show(forward("x@far.test")), "250 >x@far.test");
  assert_true(sender_of(rules, forward("x@far.test").destinations.at(0), "joe@away.test").starts_with("SRS0="));
  Route m;
  m.forward_action = "in";
  m.recipients = {"x@far.test", "nobody@mk.test", "ben@mk.test"};
  const auto answer = answer_route(&rules, m);
  assert_int_equal(answer.deliveries.size(), 2);
  assert_int_equal(answer.failures.at(0).recipient, 1);
  // A process that has been taken over says that it has one.
  for (const char* action : {"box", "out", "none"}) {
    m.forward_action = action;
    assert_int_equal(answer_route(&rules, m).failures.size(), 3);
    assert_false(answer_route(&rules, m).failures.at(0).temporary);
  }
}

int main() {
  const CMUnitTest tests[] = {unit_test(accounts_and_details),
                              unit_test(aliases),
                              unit_test(catch_all),
                              unit_test(loops_and_limits),
                              unit_test(postmaster),
                              unit_test(system_accounts),
                              unit_test(duties),
                              unit_test(virtual_users),
                              unit_test(addresses_of_a_forward_file)};
  return run_unit_tests(tests);
}
