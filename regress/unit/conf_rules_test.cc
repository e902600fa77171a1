// lib/conf: rules, filters, senders and actions of mailkeep.conf(5), and their errors.
// SPDX-License-Identifier: ISC
#include <cstring>

#include "regress/unit/conf_fixture.h"

static void rules(void**) {
  const auto c = parse(kBase +
                       "match !from src 10.0.0.1 for rcpt-to \"a@b.test\" tls helo { x, y } reject \"go away\"\n"
                       "match from auth <u> for local action in\ntable u { a, b }\n"
                       "match from auth \"joe\" for any reject\nmatch from mail-from \"@b.test\" for !any reject");
  assert_false(c.has_value());  // '!' goes before the keyword
  const auto d = parse(kBase +
                       "match !from src 10.0.0.1 for rcpt-to \"a@b.test\" tls !helo { x, y } reject \"go away\"\n"
                       "match from auth <u> for local action in\ntable u { a, b }\n"
                       "match from auth \"joe\" for any reject\n");
  assert_true(d.has_value());
  assert_true(d->matches[0].from.negated && d->matches[0].reject);
  assert_text(d->matches[0].reject_text, "go away");
  assert_int_equal(d->matches[0].tests.size(), 2);
  assert_true(d->matches[0].tests[1].negated);
  assert_text(d->matches[1].from.table, "u");
  assert_text(d->matches[2].from.value, "joe");
}

static void conditions(void**) {
  const auto c = parse(
      kBase +
      "match from rdns for any rdns regex \"^dsl-\" auth mail-from \"<>\" !rcpt-to regex <r> tag { a, b } src "
      "10.0.0.0/8 "
      "reject \"451 4.7.0 later\"\n"
      "table r { \"^x@\", \"y$\" }\nmatch from auth regex \"^a\" for domain regex { \"\\.test$\" } reject \"554 no\"\n"
      "match from rdns { .b.test, \"*.c.test\" } for any reject \"5 things are wrong\"\n"
      "match from any for any auth \"ann\" rdns \"mx.a.test\" !tls action in\n");
  if (!c) fail_msg("%s", c.error().text.c_str());
  const Match& m = c->matches[0];
  assert_true(m.from.subject == Subject::rdns && m.from.value.empty() && m.from.table.empty());
  assert_int_equal(m.tests.size(), 6);
  assert_true(m.tests[0].subject == Subject::rdns && m.tests[0].regex);
  assert_text(c->table(m.tests[0].table)->entries.at(0).key, "^dsl-");
  assert_true(m.tests[1].subject == Subject::auth && m.tests[1].table.empty());
  assert_text(m.tests[2].value, "<>");
  assert_true(m.tests[3].negated && m.tests[3].regex);
  assert_text(m.tests[3].table, "r");
  assert_int_equal(c->table(m.tests[4].table)->entries.size(), 2);
  assert_int_equal(m.reject_code, 451);
  assert_text(m.reject_status + " " + m.reject_text, "4.7.0 later");
  assert_true(c->matches[1].from.regex && c->matches[1].target.regex);
  assert_int_equal(c->matches[1].reject_code, 554);
  assert_text(c->matches[1].reject_status + " " + c->matches[1].reject_text, "5.7.1 no");
  assert_int_equal(c->matches[2].reject_code, 550);
  assert_text(c->matches[2].reject_text, "5 things are wrong");
  assert_int_equal(c->matches[3].tests.size(), 3);
}

static void filters(void**) {
  const std::string base =
      "filter slow phase connect match rdns regex { \"^dsl-\", \"dyn\" } !src 10.0.0.0/8 disconnect \"554 5.7.1 no "
      "dial-up lines\"\n"
      "filter odd phase ehlo match helo regex \"^[0-9.]+$\" junk\n"
      "filter known phase mail-from match auth bypass\n"
      "filter late phase commit match mail-from { \"@bad.test\" } tag world reject \"no\"\n"
      "filter all chain { odd, known }\n";
  const auto c =
      parse(base + "listen on all smtp filter { slow, all, late } tag world\nlisten on socket /s lmtp filter odd\n");
  if (!c) fail_msg("%s", c.error().text.c_str());
  const Filter& slow = *c->filter("slow");
  assert_true(slow.phase == Phase::connect && slow.decision == Decision::disconnect);
  assert_text(std::to_string(slow.code) + slow.status + slow.text, "5545.7.1no dial-up lines");
  assert_true(slow.tests.at(0).regex && slow.tests.at(1).negated);
  assert_true(c->filter("odd")->decision == Decision::junk && c->filter("known")->decision == Decision::bypass);
  assert_true(c->filter("late")->phase == Phase::commit && c->filter("late")->code == 550);
  std::string names;
  for (const auto& name : c->listeners[0].filters) names += name + " ";
  assert_text(names, "slow odd known late ");
  assert_text(c->listeners[1].filters.at(0), "odd");
  const struct {
    const char *text, *expected;
  } wrong[] = {
      {"filter x phase never",
       "/etc/c:1:16: found 'never', expected connect, helo, ehlo, mail-from, rcpt-to, data or commit"},
      {"filter x", "/etc/c:1:9: found end of file, expected phase or chain"},
      {"filter x phase connect match helo a junk",
       "/etc/c:1:30: found 'helo', expected src, rdns, fcrdns, tag, tls: what is known in phase connect"},
      {"filter x phase data match rcpt-to a@b.test junk",
       "/etc/c:1:27: found 'rcpt-to', expected src, rdns, fcrdns, tag, tls, helo, auth, mail-from: what is known in "
       "phase data"},
      {"filter x phase connect match junk", "/etc/c:1:30: found 'junk', expected src, rdns, fcrdns, tag, tls"},
      {"filter x phase connect match fcrdns or",
       "/etc/c:1:37: found 'or', expected src, rdns, fcrdns, tag, tls, reject, disconnect, junk or bypass"},
      {"filter x phase connect match fcrdns reject",
       "/etc/c:1:43: found end of file, expected the answer as a string, such as \"550 5.7.1 Not from there\""},
      {"filter x phase connect match fcrdns reject \"250 ok\"",
       "/etc/c:1:44: found \"250 ok\", expected a code of SMTP from 400 to 599, if one"},
      {"filter x phase commit match tls junk",
       "/etc/c:1:33: found 'junk', expected reject, disconnect or bypass: in phase commit the message can no longer be "
       "marked"},
      {"filter x chain y", "/etc/c:1:16: found 'y', expected a filter that the file declares"},
      {"filter x chain x", "/etc/c:1:8: found the chain 'x' in the chain 'x', expected filters that are no chains"},
      {"filter x phase data match tls junk\nfilter x phase data match tls junk",
       "/etc/c:2:8: found 'x', expected a name that no other filter has"},
      {"listen on all smtp filter x", "/etc/c:1:27: found 'x', expected a filter that the file declares"},
      {"filter x phase data match tls junk\nlisten on socket /s local filter x",
       "/etc/c:2:21: found 'local', expected smtp, submission, submissions or lmtp with a filter"},
  };
  for (const auto& w : wrong) assert_text(errors_of(w.text), w.expected);
}

static void senders(void**) {
  const auto c = parse(
      "canonical { \"ann@in.test\" = \"Ann.Other@out.test\", \"@old.test\" = \"@new.test\" }\n"
      "masquerade { Example.org, b.test } except { root, Daemon }\n");
  if (!c) fail_msg("%s", c.error().text.c_str());
  assert_int_equal(c->table(c->canonical.table)->entries.size(), 2);
  assert_text(c->canonical.masquerade.at(0) + " " + c->canonical.masquerade.at(1) + " " + c->canonical.except.at(1),
              "example.org b.test daemon");
  assert_true(parse("table c file:/c\ncanonical <c>\nmasquerade b.test\n").has_value());
  assert_text(
      errors_of("canonical { ann = \"ann@b.test\" }"),
      "/etc/c:1:11: found 'ann' = 'ann@b.test', expected address = address, where either may be @ and a domain");
  assert_text(errors_of("canonical 1"), "/etc/c:1:11: found '1', expected a table, as <name>, or '{'");
  assert_text(errors_of("masquerade a..b"), "/etc/c:1:12: found 'a..b', expected a domain name or a list");
  assert_text(errors_of("masquerade a.test except \"a@b\""),
              "/etc/c:1:26: found \"a@b\", expected what stands before the @ or a list");
}

static void actions(void**) {
  const auto c = parse(
      "auth table <p>\ntable p file:/p\ntable v { \"a@b.test\" = ann, \"@b.test\" = ben }\ntable a { root = ann }\n"
      "domain b.test c.test\ndomain d.test alias-of b.test\nsubaddress-separator \"+-\"\n"
      "action v deliver virtual <v> userbase <p> ttl 1d\naction u deliver alias <a> user ann\naction e expand-only "
      "alias <a>\n"
      "action f forward-only alias <a>\naction drop discard\naction b relay backup mx mx2.b.test src 192.0.2.1 ttl "
      "2h\naction c relay backup\n");
  if (!c) fail_msg("%s", c.error().text.c_str());
  assert_text(c->action("v")->virtual_table + c->action("v")->userbase, "vp");
  assert_true(c->action("v")->ttl == Seconds(86400));
  assert_text(c->action("u")->user, "ann");
  assert_true(c->action("e")->only == Only::expanded && c->action("f")->only == Only::forwarded);
  assert_true(c->action("drop")->kind == ActionKind::discard);
  assert_text(c->action("b")->backup_name, "mx2.b.test");
  assert_true(c->action("b")->ttl == Seconds(7200) && c->action("c")->backup);
  assert_text(c->action("b")->sources.at(0), "192.0.2.1");
  assert_text(c->domain_aliases.at(0).name + " " + c->domain_aliases.at(0).of, "d.test b.test");
  assert_int_equal(c->domains.size(), 3);
}

static void lmtp_actions(void**) {
  const auto c = parse(
      "table who { ann, ben }\naction a lmtp 127.0.0.1:24 userbase <who>\naction b lmtp [2001:db8::1]:2400 rcpt-to "
      "userbase <who>\n"
      "action c lmtp \"/run/dovecot/lmtp\" userbase <who> ttl 1d rcpt-to\naction d lmtp Store.b.test:24 userbase "
      "<who>\n");
  if (!c) fail_msg("%s", c.error().text.c_str());
  const auto shown = [&](const char* name) {
    const Action& a = *c->action(name);
    return a.hosts.at(0).host + " " + std::to_string(a.hosts.at(0).port) + (a.rcpt_to ? " rcpt-to" : "");
  };
  assert_true(c->action("a")->kind == ActionKind::lmtp && c->action("c")->ttl == Seconds(86400));
  assert_text(shown("a"), "127.0.0.1 24");
  assert_text(shown("b"), "2001:db8::1 2400 rcpt-to");
  assert_text(shown("c"), "/run/dovecot/lmtp 0 rcpt-to");
  assert_text(shown("d"), "store.b.test 24");
  const std::string expected =
      ", expected host:port (not 25), [address]:port or the path of a socket, of at most 107 bytes";
  assert_text(errors_of("action a lmtp"), "/etc/c:1:14: found end of file" + expected);
  for (const std::string bad : {"127.0.0.1", "127.0.0.1:25", "run/lmtp", "x.test:0", "x.test:99999"}) {
    assert_text(errors_of("action a lmtp " + bad), "/etc/c:1:15: found '" + bad + "'" + expected);
  }
  assert_text(
      errors_of("action a lmtp /s rcpt-to rcpt-to"),
      "/etc/c:1:26: found 'rcpt-to', expected rcpt-to, alias, virtual, userbase, user, ttl (each once) or end of line");
  assert_text(errors_of("action a lmtp /s"),
              "/etc/c:1:8: found action 'a' that delivers, but no accounts, expected auth system or auth table <name> "
              "in the file");
}

static void maildir_and_mbox_actions(void**) {
  const auto c = parse(
      "auth system\ntable a { root = ann }\naction a maildir\naction b maildir junk alias <a>\naction c maildir "
      "\"~/Mail dir\" junk\n"
      "action d maildir \"/srv/%{dest.domain}/%{dest.user:lowercase|strip}\" ttl 1d\naction e mbox\naction f mbox "
      "~/mbox user ann\naction g maildir forward-file\naction h deliver forward-file alias <a>\n");
  if (!c) fail_msg("%s", c.error().text.c_str());
  const auto shown = [&](const char* name) { return c->action(name)->path + (c->action(name)->junk ? " junk" : ""); };
  assert_true(c->action("a")->kind == ActionKind::maildir && c->action("e")->kind == ActionKind::mbox);
  assert_text(shown("a"), "~/Maildir");
  assert_text(shown("b") + " " + c->action("b")->alias_table, "~/Maildir junk a");
  assert_text(shown("c"), "~/Mail dir junk");
  assert_text(shown("d"), "/srv/%{dest.domain}/%{dest.user:lowercase|strip}");
  assert_text(shown("e"), "/var/mail/%{user.username}");
  assert_true(c->action("g")->forward_file && c->action("h")->forward_file && !c->action("f")->forward_file);
  assert_text(errors_of("action a lmtp /s forward-file"),
              "/etc/c:1:18: found 'forward-file', expected rcpt-to, alias, virtual, userbase, user, ttl (each once) or "
              "end of line");
  assert_text(shown("f") + " " + c->action("f")->user, "~/mbox ann");
  assert_text(errors_of("auth system\naction a maildir /a/../b"),
              "/etc/c:2:18: found '/a/../b', expected a path without empty parts, '.' and '..'");
  assert_text(errors_of("auth system\naction a maildir /a/%{rcpt:up}"),
              "/etc/c:2:18: found '/a/%', expected after '%' {user.username}, {user.directory}, {rcpt}, {dest}, "
              "{sender}, or .user or .domain of these three, "
              "with [range] and :lowercase, :uppercase, :strip or :raw");
  assert_text(errors_of("auth system\naction a mbox junk"),
              "/etc/c:2:15: found 'junk', expected forward-file, alias, virtual, userbase, user, ttl (each once) or "
              "end of line");
  assert_text(errors_of("auth system\naction a maildir box"),
              "/etc/c:2:18: found 'box', expected junk, forward-file, alias, virtual, userbase, user, ttl (each once) "
              "or end of line");
  assert_text(errors_of("action a maildir"),
              "/etc/c:1:8: found action 'a' that delivers, but no accounts, expected auth system or auth table <name> "
              "in the file");
}

static void srs_and_compiled_tables(void**) {
  const auto c = parse(
      "auth system\nsrs key backup \"old secret\"\nsrs key \"new secret\"\nsrs key backup \"older secret\"\nsrs ttl "
      "7d\n"
      "table d db:/d\naction a relay srs\naction in deliver alias <d>\n");
  if (!c) fail_msg("%s", c.error().text.c_str());
  assert_int_equal(c->srs.keys.size(), 3);
  assert_text(c->srs.keys[0] + ", " + c->srs.keys[1], "new secret, old secret");
  assert_true(c->srs.ttl == Seconds(7 * 86400) && c->action("a")->srs);
  assert_true(c->table("d")->kind == TableKind::db);
  assert_text(c->table("d")->path, "/d");
  assert_text(errors_of("srs key short"), "/etc/c:1:9: found 'short', expected a secret of 8 to 200 bytes");
  assert_text(errors_of("srs key 12345678\nsrs key 12345678"), "/etc/c:2:5: found 'key', expected srs key only once");
  assert_text(errors_of("table p db:/p\nauth table <p>"),
              "/etc/c:2:1: found auth with <p>, which is compiled, expected a table of accounts in a file");
  assert_text(errors_of("table p db:/p\nmatch from src regex <p> for any reject"),
              "/etc/c:2:22: found <p>, which is compiled, expected a list or a file");
  assert_text(errors_of("table p db:x"), "/etc/c:1:9: found 'db:x', expected an absolute path after db:");
}

int main() {
  const CMUnitTest tests[] = {unit_test(rules),
                              unit_test(conditions),
                              unit_test(filters),
                              unit_test(senders),
                              unit_test(actions),
                              unit_test(lmtp_actions),
                              unit_test(maildir_and_mbox_actions),
                              unit_test(srs_and_compiled_tables)};
  return run_unit_tests(tests);
}
