// smtpd/lookup: which rule takes a recipient, and what its action makes of it.
// SPDX-License-Identifier: ISC
#include "regress/unit/lookup_fixture.h"
#include "smtpd/lookup/lookup.h"

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
  const auto rules_of = [](int patterns) {
    std::string table = "table slow { x";
    for (int i = 0; i < patterns; i++) table += ", \"^(a+)+$|^x" + std::to_string(i) + "$\"";
    table += " }\n";
    for (int i = 0; i < 10; i++) table += "match from any for any helo regex <slow> reject\n";
    return make_rules("domain mk.test\naction in deliver\n" + table + "match from any for domain mk.test action in\n",
                      "", {"ann"});
  };
  Facts f = from_world();
  f.helo = std::string(12, 'a') + "!";
  assert_true(pattern::Pattern::compile("^(a+)+$|^x0$")->match(f.helo) == pattern::Outcome::kNo);
  assert_text(route(rules_of(1), "ann@mk.test", f), "250 ann<ann@mk.test>");
  const auto many = rules_of(300);  // 3,000 questions: nearly half a second, if nothing bounds it
  const pattern::Budget spent(pattern::kMaxTime * 5);
  assert_text(route(many, "ann@mk.test", f), "451 4.3.5");
  assert_false(spent.is_spent());
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

int main() {
  const CMUnitTest tests[] = {unit_test(who_may),          unit_test(postmaster_refused),
                              unit_test(conditions),       unit_test(many_patterns_have_one_budget),
                              unit_test(other_actions),    unit_test(by_lmtp),
                              unit_test(into_places),      unit_test(list_owners),
                              unit_test(rewritten_senders)};
  return run_unit_tests(tests);
}
