// smtpd/lookup: rules, tables and the expansion of recipients.
// SPDX-License-Identifier: ISC
#include <sys/mman.h>

#include "regress/unit/lookup_fixture.h"
#include "smtpd/lookup/lookup.h"

namespace {

// "250 ann+detail<address> >relay@x" or "550 5.1.1"
std::string show(const Verdict& v) {
  std::string out = std::to_string(v.code);
  if (!v.accepted()) return out + " " + v.enhanced;
  for (const auto& d : v.destinations) {
    out +=
        " " + (d.by_lmtp ? d.action + ":" + d.account + (d.detail.empty() ? "" : "+" + d.detail) + "<" + d.address + ">"
               : d.is_relay() ? ">" + d.address
                              : d.account + (d.detail.empty() ? "" : "+" + d.detail) + "<" + d.address + ">");
  }
  return out;
}
std::string route(const Ruleset& rules, const std::string& to, const Facts& facts = from_world()) {
  return show(decide(rules, facts, mailbox(to)));
}

}  // namespace

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

static void who_may(void**) {
  const auto rules = make_rules(
      "domain mk.test\naction in deliver\naction out relay\n"
      "table nets { 10.0.0.0/8, 2001:db8::/32 }\ntable bad { \"@spam.test\", \"eve@far.test\", \"@*.ads.test\" }\n"
      "match from mail-from <bad> for any reject \"go away\"\n"
      "match from any for rcpt-to \"staff@mk.test\" !tls reject\n"
      "match from any for rcpt-to \"staff@mk.test\" tag lan action in\n"
      "match from src <nets> for any action out\n"
      "match from auth \"ann\" for any action out\n"
      "match from socket for domain { sock.test, *.sock.test } action out\n"
      "match from local for domain loop.test action out\n"
      "match !from src 192.0.2.0/24 for domain away.test helo \"mx.away.test\" action out\n"
      "match from any for local action in\n",
      "", {"ann", "staff"});
  Facts f = from_world();
  assert_text(route(rules, "ann@mk.test", f), "250 ann<ann@mk.test>");
  assert_text(route(rules, "ann@mx.mk.test", f), "250 ann<ann@mx.mk.test>");
  assert_text(route(rules, "x@far.test", f), "550 5.7.1");
  assert_text(route(rules, "staff@mk.test", f), "550 5.7.1");
  f.tls = true;
  f.tag = "lan";
  assert_text(route(rules, "staff@mk.test", f), "250 staff<staff@mk.test>");
  f.account = "ben";
  assert_text(route(rules, "x@far.test", f), "550 5.7.1");
  f.account = "ann";
  assert_text(route(rules, "x@far.test", f), "250 >x@far.test");
  f.account = "";
  for (const char* inside : {"10.1.2.3", "2001:db8::5"}) {
    f.source = conf::parse_address(inside);
    assert_text(route(rules, "x@far.test", f), "250 >x@far.test");
  }
  f.source = conf::parse_address("198.51.100.1");
  f.helo = "MX.away.test";
  assert_text(route(rules, "x@away.test", f), "250 >x@away.test");
  f.source = conf::parse_address("192.0.2.7");
  assert_text(route(rules, "x@away.test", f), "550 5.7.1");
  assert_text(route(rules, "x@loop.test", f), "550 5.7.1");
  f.source = conf::parse_address("127.0.0.9");
  assert_text(route(rules, "x@loop.test", f), "250 >x@loop.test");
  assert_text(route(rules, "x@a.sock.test", f), "550 5.7.1");
  f.source.reset();
  assert_text(route(rules, "x@a.sock.test", f), "250 >x@a.sock.test");
  for (const auto& [local, domain] :
       {std::pair("x", "spam.test"), std::pair("Eve", "far.test"), std::pair("x", "a.b.ads.test")}) {
    f.sender = smtp::Mailbox{local, domain};
    const auto verdict = decide(rules, f, mailbox("ann@mk.test"));
    assert_int_equal(verdict.code, 550);
    assert_text(verdict.text, "go away");
  }
  f.sender.reset();
  assert_text(route(rules, "ann@mk.test", f), "250 ann<ann@mk.test>");
}

// postmaster is taken even where no rule takes it, but a rule that refuses is obeyed.
static void postmaster_refused(void**) {
  const auto rules =
      make_rules("domain mk.test\naction in deliver\nmatch from src 192.0.2.0/24 for any reject\n", "", {"ann"});
  assert_text(route(rules, "postmaster@mk.test"), "550 5.7.1");
  Facts f = from_world();
  f.source = conf::parse_address("203.0.113.1");
  assert_text(route(rules, "postmaster@mk.test", f), "250 ann<postmaster@mk.test>");
}

static void system_accounts(void**) {
  auto rules = make_rules(kRules, "", {});
  rules.accounts = AccountSet([](const std::string& name) { return name == "ann"; });
  assert_text(route(rules, "Ann+x@mk.test"), "250 ann+x<Ann+x@mk.test>");
  assert_text(route(rules, "ben@mk.test"), "550 5.1.1");
}

static void list_files(void**) {
  const auto list = conf::parse_list("# c\n a.test\tvalue of a\r\n\n*.b.test\n10.0.0.0/9\n@v.test\n", "l");
  assert_true(list.has_value());
  const TableIndex t(*list);
  assert_int_equal(t.size(), 4);
  assert_text(*t.value("A.test"), "value of a");
  assert_true(t.has_domain("x.y.b.test") && t.has_domain("A.TEST"));
  assert_false(t.has_domain("b.test") || t.has_domain("x.a.test"));
  assert_true(t.has_address(*conf::parse_address("10.127.0.1")));
  assert_false(t.has_address(*conf::parse_address("10.128.0.1")));
  assert_true(t.has_mailbox("any", "v.test"));
  assert_text(conf::parse_list("a\nb\x01\n", "l").error().text, "l:2:1: found 'b\\x01', expected printable text");
  assert_true(parse_inline("a b\tc\nd\t\n").has_value());
  assert_false(parse_inline("no tab\n").has_value());
}

static Fd memory(const std::string& text) {
  Fd fd(memfd_create("test", MFD_CLOEXEC));
  assert_true(fd && write(fd.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()));
  return fd;
}

// What the parent sends: two tables, the accounts, an action, and rules that use them.
static Draft make_draft(const std::string& aliases) {
  Draft d;
  d.config.hostname = "MX.mk.test";
  d.config.domains = {"mk.test"};
  d.config.subaddress_separator = "-";
  d.tables.emplace_back();
  d.tables[0].name = "aliases";
  d.tables[0].path = "/etc/aliases";
  d.tables[0].content = memory(aliases);
  d.tables.emplace_back();
  d.tables[1].name = "nets";
  d.tables[1].inline_entries = true;
  d.tables[1].content = memory("192.0.2.0/24\t\n");
  d.accounts.emplace();
  d.accounts->content = memory("ann\t1001\t1001\nben\t0\t0\n");
  d.actions.emplace_back();
  d.actions[0].name = "in";
  d.actions[0].alias_table = "aliases";
  d.actions.emplace_back();
  d.actions[1].name = "out";
  d.actions[1].kind = static_cast<uint16_t>(conf::ActionKind::relay);
  d.matches.resize(2);
  d.matches[0].from.subject = static_cast<uint16_t>(conf::Subject::auth);
  d.matches[0].from.table = "accounts";  // never sent: its hashes are auth's
  d.matches[0].action = "out";
  d.matches[1].from.subject = static_cast<uint16_t>(conf::Subject::src);
  d.matches[1].from.table = "nets";
  d.matches[1].target.subject = static_cast<uint16_t>(conf::Subject::domain);
  d.matches[1].target.value = "mk.test";
  d.matches[1].action = "in";
  return d;
}

// The accounts' names go to the server, or the addresses; who exists, a userbase alone may say.
static void by_lmtp(void**) {
  const std::string base = "domain mk.test\ndomain other.test\ntable who { ann, zoe }\n";
  const std::string ends =
      "match from any for domain mk.test action in\nmatch from any for domain other.test action out\n";
  const std::string aliases = "team: ann, ben, x@far.test\nroot: ann\n";
  const auto plain =
      make_rules(base + "action in lmtp /s alias <aliases>\naction out lmtp h.test:24 rcpt-to userbase <who>\n" + ends,
                 aliases, {"ann", "ben"});
  assert_text(route(plain, "Ann+x@mk.test"), "250 in:ann+x<Ann+x@mk.test>");
  assert_text(route(plain, "team@mk.test"), "250 in:ann<ann@mk.test> in:ben<ben@mk.test> >x@far.test");
  assert_text(route(plain, "nobody@mk.test"), "550 5.1.1");
  assert_text(route(plain, "postmaster@mk.test"), "250 in:ann<ann@mk.test>");
  assert_text(route(plain, "zoe@other.test"), "250 out:<zoe@other.test>");
  assert_text(route(plain, "ben@other.test"), "550 5.1.1");
  for (const auto& d : decide(plain, from_world(), mailbox("team@mk.test")).destinations) {
    assert_int_equal(d.is_forwarded, d.address == "x@far.test");
    assert_true(d.is_relay() && d.leaves() == d.is_forwarded);
  }
  const auto one = make_rules(base + "action in lmtp /s user zoe userbase <who>\naction out relay\n" + ends, "", {});
  assert_text(route(one, "any.body@mk.test"), "250 in:zoe<any.body@mk.test>");
}

// The action goes along with the account; the same account by two actions gets two copies.
static void into_places(void**) {
  const auto rules = make_rules(
      "domain mk.test\ndomain box.test\naction in maildir alias <aliases>\naction box mbox\n"
      "match from any for domain mk.test action in\nmatch from any for domain box.test action box\n",
      "team: ann, ann@box.test, ben\n", {"ann", "ben"});
  std::string out;
  for (const auto& d : decide(rules, from_world(), mailbox("team@mk.test")).destinations) {
    assert_false(d.is_relay());
    out += d.account + " " + d.action + " " + d.address + "\n";
  }
  assert_text(out, "ann in ann@mk.test\nann box ann@box.test\nben in ben@mk.test\n");
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

static void built_from_messages(void**) {
  const AccountSet::Find none = [](const std::string&) { return false; };
  const auto rules = build_rules(make_draft("list: ann, ben\n"), none);
  assert_true(rules.has_value());
  SessionFacts facts;
  facts.source = "192.0.2.9";
  facts.sender = "joe@far.test";
  assert_text(route(*rules, "list@mk.test", to_facts(facts)), "250 ann<ann@mk.test> ben<ben@mk.test>");
  assert_text(route(*rules, "ann-x@mk.test", to_facts(facts)), "250 ann+x<ann-x@mk.test>");
  assert_text(route(*rules, "x@far.test", to_facts(facts)), "550 5.7.1");
  facts.account = "ann";
  assert_text(route(*rules, "x@far.test", to_facts(facts)), "250 >x@far.test");
  facts.account = "stranger";
  assert_text(route(*rules, "x@far.test", to_facts(facts)), "550 5.7.1");
  for (const char* elsewhere : {"local", "not an address", "198.51.100.1", "fe80::1%eth0"}) {
    facts.source = elsewhere;
    assert_text(route(*rules, "ann@mk.test", to_facts(facts)), "550 5.7.1");
  }
  assert_true(to_facts(facts).sender.has_value());
}

static void bad_messages(void**) {
  const AccountSet::Find none = [](const std::string&) { return false; };
  assert_text(build_rules(make_draft("a: |x\n"), none).error().text,
              "/etc/aliases:1:4: found a command, expected a name or address: mail is never given to commands");
  Draft d = make_draft("");
  d.matches[1].action = "other";
  assert_false(build_rules(d, none).has_value());
  d.matches[1].action = "in";
  d.matches[1].from.subject = 99;
  assert_false(build_rules(d, none).has_value());
  d.matches[1].from.subject = 0;
  d.matches[1].target.table = "unsent";
  assert_false(build_rules(d, none).has_value());
  d.matches[1].target.table = "";
  d.actions[1].kind = static_cast<uint16_t>(conf::ActionKind::mbox) + 1;
  assert_false(build_rules(d, none).has_value());
  d.actions[1].kind = 1;
  assert_true(build_rules(d, none).has_value());
}

// Conditions beyond from and for, negated and as regular expressions, in tables and alone.
static void conditions(void**) {
  const auto rules = make_rules(
      "domain mk.test\naction in deliver\naction out relay\ntable relays { .trusted.test, mx.one.test }\n"
      "table dsl { \"^dsl-\", \"[0-9]+-[0-9]+\\.\" }\n"
      "match from any for any mail-from \"<>\" rcpt-to \"nobounce@mk.test\" reject \"554 5.7.0 no reports\"\n"
      "match from any for any mail-from regex \"^bulk[0-9]*@\" reject \"451 4.7.0 later\"\n"
      "match from any for any helo regex \"^(a|a?)+$\" reject\n"
      "match from rdns <relays> for any action out\n"
      "match from rdns regex <dsl> for any reject \"550 no dial-up\"\n"
      "match from any for any !rdns auth { ann, ben } tag lan action out\n"
      "match from any for rcpt-to regex \"^list-.*@mk\\.test$\" action in\n"
      "match from any for domain regex \"^mk\\.\" action in\n",
      "", {"ann", "list-a", "nobounce"});
  Facts f = from_world();
  f.helo = "mx.far.test";
  assert_text(route(rules, "ann@mk.test", f), "250 ann<ann@mk.test>");
  assert_text(route(rules, "list-a@mk.test", f), "250 list-a<list-a@mk.test>");
  assert_text(route(rules, "ann@far.test", f), "550 5.7.1");
  f.name = "mx.trusted.test";
  assert_text(route(rules, "x@far.test", f), "250 >x@far.test");
  f.name = "trusted.test";
  assert_text(route(rules, "x@far.test", f), "550 5.7.1");
  f.name = "mx.one.test";
  assert_text(route(rules, "x@far.test", f), "250 >x@far.test");
  f.name = "dsl-1.isp.test";
  assert_text(route(rules, "ann@mk.test", f), "550 5.7.1");
  f.name = "h1-2.isp.test";
  assert_text(decide(rules, f, mailbox("ann@mk.test")).text, "no dial-up");
  f.name = "";
  f.account = "ben";
  f.tag = "LAN";
  assert_text(route(rules, "x@far.test", f), "250 >x@far.test");
  f.name = "any.test";
  assert_text(route(rules, "x@far.test", f), "550 5.7.1");
  f.sender = smtp::Mailbox{"Bulk7", "far.test"};
  assert_text(route(rules, "ann@mk.test", f), "451 4.7.0");
  f.sender.reset();
  assert_text(route(rules, "nobounce@mk.test", f), "554 5.7.0");
  assert_text(route(rules, "ann@mk.test", f), "250 ann<ann@mk.test>");
  // A pattern that would cost too much decides nothing, neither way.
  f.helo = std::string(200, 'a') + "!";
  assert_text(route(rules, "ann@mk.test", f), "451 4.3.5");
}

// Each of them is cheap enough; together they would hold up everybody.
static void many_patterns_have_one_budget(void**) {
  std::string table = "table slow { x";
  for (int i = 0; i < 300; i++) table += ", \"^(a+)+$|^x" + std::to_string(i) + "$\"";
  table += " }\n";
  for (int i = 0; i < 10; i++) table += "match from any for any helo regex <slow> reject\n";
  const auto rules = make_rules(
      "domain mk.test\naction in deliver\n" + table + "match from any for domain mk.test action in\n", "", {"ann"});
  Facts f = from_world();
  f.helo = "mk.test";
  assert_text(route(rules, "ann@mk.test", f), "250 ann<ann@mk.test>");
  f.helo = std::string(12, 'a') + "!";  // 3,000 times: nearly half a second, if nothing bounds it
  assert_true(pattern::Pattern::compile("^(a+)+$|^x0$")->match(f.helo) == pattern::Outcome::kNo);
  const pattern::Budget spent(pattern::kMaxTime * 5);
  assert_text(route(rules, "ann@mk.test", f), "451 4.3.5");
  assert_false(spent.is_spent());
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

static void other_actions(void**) {
  const auto rules = make_rules(
      "domain mk.test\ntable some { ann }\naction base deliver userbase <some> ttl 2h\naction one deliver alias "
      "<aliases> user ben\n"
      "action e expand-only alias <aliases>\naction f forward-only alias <aliases>\naction drop discard\n"
      "match from any for domain base.test action base\nmatch from any for domain one.test action one\n"
      "match from any for domain e.test action e\nmatch from any for domain f.test action f\nmatch from any for domain "
      "d.test action drop\n",
      "list: ann, x@far.test\nfar: x@far.test\n", {"ann", "ben"});
  assert_text(route(rules, "ann@base.test"), "250 ann<ann@base.test>");
  assert_int_equal(decide(rules, from_world(), mailbox("ann@base.test")).ttl, 7200);
  assert_text(route(rules, "ben@base.test"), "550 5.1.1");
  assert_text(route(rules, "anybody@one.test"), "250 ben<anybody@one.test>");
  assert_text(route(rules, "far@one.test"), "250 >x@far.test");
  assert_text(route(rules, "ann@e.test"), "550 5.1.1");
  assert_text(route(rules, "list@e.test"), "250 ann<ann@e.test> >x@far.test");
  assert_text(route(rules, "list@f.test"), "550 5.1.1");
  assert_text(route(rules, "far@f.test"), "250 >x@far.test");
  const Verdict dropped = decide(rules, from_world(), mailbox("who@d.test"));
  assert_true(dropped.accepted() && dropped.is_discarded && dropped.destinations.empty());
  Route question;
  question.facts.source = "192.0.2.1";
  question.recipients = {"who@d.test", "ann@base.test"};
  const auto routed = answer_route(&rules, question);
  assert_int_equal(routed.discarded.size(), 1);
  assert_int_equal(routed.deliveries.size(), 1);
  assert_int_equal(routed.deliveries[0].ttl, 7200);
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

// What a list sends comes from its owner, mail from nobody does not.
static void list_owners(void**) {
  const auto rules = make_rules(kRules,
                                "list: ann, x@far.test, inner\nowner-list: ben\ninner: y@far.test\nowner-inner: carl\n"
                                "plain: ann\nother@mk.test: z@far.test\nowner-other@mk.test: ben\n",
                                {"ann", "ben", "carl"});
  Route question;
  question.facts.source = "192.0.2.1";
  question.facts.sender = "joe@far.test";
  const auto senders = [&](const std::string& to) {
    question.recipients = {to};
    std::string out;
    for (const auto& d : answer_route(&rules, question).deliveries)
      out += d.address + "<" + d.sender + (d.reports_to_sender ? "> " : ">. ");
    return out;
  };
  assert_text(senders("list@mk.test"),
              "ann@mk.test<owner-list@mk.test> x@far.test<owner-list@mk.test> y@far.test<owner-inner@mk.test> ");
  assert_text(senders("plain@mk.test"), "ann@mk.test<>. ");
  assert_text(senders("other@mk.test"), "z@far.test<owner-other@mk.test> ");
  assert_text(senders("owner-list@mk.test"), "ben@mk.test<>. ");
  question.facts.sender = "";
  assert_text(senders("other@mk.test"), "z@far.test<>. ");
}

static void pattern_files(void**) {
  const auto list = PatternList::parse("# dial-up\n ^dsl- \n\n[0-9]{3} x\n", "/p");
  assert_int_equal(list->size(), 2);
  assert_int_equal(list->match("dsl-1"), pattern::Outcome::kYes);
  assert_int_equal(list->match("123 X"), pattern::Outcome::kYes);
  assert_int_equal(list->match("123"), pattern::Outcome::kNo);
  assert_text(PatternList::parse("ok\n  a(\n", "/p").error().text,
              "/p:2:3: found 'a(', expected a regular expression (missing closing parenthesis at byte 3)");
}

// Forwarded mail of other domains' senders gets one of ours, and what comes back to that goes to the first.
static void rewritten_senders(void**) {
  const auto rules = make_rules(
      "srs key \"a secret\"\nsrs key backup \"an old one\"\naction always relay srs\n"
      "match from any for domain always.test action always\n" +
          kRules,
      "fwd: x@far.test\nboth: ann, x@far.test\n", {"ann"});
  Route question;
  question.facts.source = "192.0.2.1";
  const auto sender = [&](const std::string& from, const std::string& to) {
    question.facts.sender = from;
    question.recipients = {to};
    const auto routed = answer_route(&rules, question);
    assert_true(!routed.deliveries.empty());
    assert_false(routed.deliveries.back().reports_to_sender);
    return routed.deliveries.back().sender;
  };
  const std::string rewritten = sender("joe@away.test", "fwd@mk.test");
  assert_int_equal(rewritten.find("SRS0="), 0);
  assert_non_null(strstr(rewritten.c_str(), "=away.test=joe@mk.test"));
  assert_int_equal(sender("joe@away.test", "both@mk.test").find("SRS0="), 0);
  assert_text(sender("joe@away.test", "ann@mk.test"), "");
  assert_text(sender("ann@mk.test", "fwd@mk.test"), "");
  assert_text(sender("ann@other.test", "fwd@mk.test"), "");
  assert_text(sender("", "fwd@mk.test"), "");
  assert_int_equal(sender("joe@away.test", "y@always.test").find("SRS0="), 0);
  assert_text(route(rules, rewritten), "250 >joe@away.test");
  assert_text(route(rules, "SRS0=aaaaaa=" + rewritten.substr(12)), "550 5.1.1");
  const auto without = make_rules(kRules, "fwd: x@far.test\n", {"ann"});
  question.facts.sender = "joe@away.test";
  question.recipients = {"fwd@mk.test"};
  assert_text(answer_route(&without, question).deliveries.at(0).sender, "");
  assert_text(route(without, rewritten), "550 5.1.1");
}

static void compiled_tables(void**) {
  char directory[] = "/tmp/mk-tables-XXXXXX";
  assert_non_null(mkdtemp(directory));
  const std::string path = directory;
  const auto compile = [&](const std::string& text, const std::string& name) {
    const auto compiled = conf::compile_table(text, "t", no_file);
    assert_true(compiled.has_value());
    assert_true(db::ConstantTable::build(path + "/" + name, compiled->form, compiled->entries));
  };
  compile("a.test\n*.B.test value\n10.1.2.3/8\n2001:db8::/32\n@c.test\n", "list");
  compile("Root: ann, x@far.test\nlist: root, \\ben\n@mk.test: carl\n", "aliases");
  Draft d = make_draft("");
  d.tables[0].content = Fd();
  d.tables[0].compiled = true;
  d.tables[0].path = path + "/aliases";
  d.tables[1].content = Fd();
  d.tables[1].inline_entries = false;
  d.tables[1].compiled = true;
  d.tables[1].path = path + "/list";
  d.accounts->content = memory("ann\t1001\t1001\nben\t0\t0\ncarl\t1\t1\n");
  const AccountSet::Find none = [](const std::string&) { return false; };
  const auto rules = build_rules(d, none);
  if (!rules) fail_msg("%s", rules.error().text.c_str());
  const TableIndex& list = rules->tables.at("nets");
  assert_true(list.has("A.test") && list.has_domain("x.b.test") && list.has_mailbox("x", "c.test"));
  assert_false(list.has("b.test"));
  assert_text(*list.value("*.b.test"), "value");
  assert_true(list.has_address(*conf::parse_address("10.9.9.9")) &&
              list.has_address(*conf::parse_address("2001:db8::7")));
  assert_false(list.has_address(*conf::parse_address("11.0.0.1")) ||
               list.has_address(*conf::parse_address("2001:db9::7")));
  Facts f = from_world();
  f.source = conf::parse_address("10.0.0.1");
  assert_text(route(*rules, "list@mk.test", f), "250 ann<ann@mk.test> >x@far.test ben<ben@mk.test>");
  assert_text(route(*rules, "who@mk.test", f), "250 carl<carl@mk.test>");
  ShowTable show;
  show.name = "aliases";
  show.with_key = true;
  show.key = "ROOT";
  assert_text(show_table(*rules, show).entries.at(0).value, "\"ann\", \"x\"@far.test");
  show.name = "nets";
  show.key = "10.2.3.4";
  assert_true(show_table(*rules, show).found);
  show.key = "z.test";
  assert_false(show_table(*rules, show).found);
  d.tables[0].path = path + "/list";  // of the other form
  assert_false(build_rules(d, none).has_value());
  d.tables[0].path = path + "/none";
  assert_false(build_rules(d, none).has_value());
  for (const char* name : {"/list", "/aliases"}) unlink((path + name).c_str());
  rmdir(directory);
}

int main() {
  const CMUnitTest tests[] = {unit_test(accounts_and_details),
                              unit_test(aliases),
                              unit_test(catch_all),
                              unit_test(loops_and_limits),
                              unit_test(postmaster),
                              unit_test(who_may),
                              unit_test(postmaster_refused),
                              unit_test(system_accounts),
                              unit_test(list_files),
                              unit_test(by_lmtp),
                              unit_test(addresses_of_a_forward_file),
                              unit_test(into_places),
                              unit_test(built_from_messages),
                              unit_test(bad_messages),
                              unit_test(conditions),
                              unit_test(many_patterns_have_one_budget),
                              unit_test(virtual_users),
                              unit_test(other_actions),
                              unit_test(duties),
                              unit_test(list_owners),
                              unit_test(pattern_files),
                              unit_test(rewritten_senders),
                              unit_test(compiled_tables)};
  return run_unit_tests(tests);
}
