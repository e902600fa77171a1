// smtpd/lookup: rules and tables from the parent's messages, lists, patterns and compiled tables.
// SPDX-License-Identifier: ISC
#include <sys/mman.h>

#include "regress/unit/lookup_fixture.h"
#include "smtpd/lookup/lookup.h"

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

static void pattern_files(void**) {
  const auto list = PatternList::parse("# dial-up\n ^dsl- \n\n[0-9]{3} x\n", "/p");
  assert_int_equal(list->size(), 2);
  assert_int_equal(list->match("dsl-1"), pattern::Outcome::kYes);
  assert_int_equal(list->match("123 X"), pattern::Outcome::kYes);
  assert_int_equal(list->match("123"), pattern::Outcome::kNo);
  assert_text(PatternList::parse("ok\n  a(\n", "/p").error().text,
              "/p:2:3: found 'a(', expected a regular expression (missing closing parenthesis at byte 3)");
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
  const CMUnitTest tests[] = {unit_test(list_files), unit_test(pattern_files), unit_test(built_from_messages),
                              unit_test(bad_messages), unit_test(compiled_tables)};
  return run_unit_tests(tests);
}
