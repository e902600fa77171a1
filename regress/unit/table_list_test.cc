// lib/conf/list: tables in files, and what is compiled from them.
// SPDX-License-Identifier: ISC
#include "lib/conf/list.h"

#include "regress/unit/unit.h"

using namespace mailkeep;
using namespace mailkeep::conf;

namespace {

std::string show(const Result<Compiled>& c) {
  if (!c) return c.error().text;
  std::string out(c->form);
  for (const auto& [key, value] : c->entries) out += " " + key + "=" + value;
  return out;
}
std::string compile(const std::string& text) {
  return show(
      compile_table(text, "t", [](const std::string&) -> Result<std::string> { return Error("no such file"); }));
}

}  // namespace

static void compiled(void**) {
  assert_text(compile("# c\n B.test  x y \n10.1.2.3/8\n2001:DB8::1\n"), "list 10.0.0.0/8= 2001:db8::1= b.test=x y");
  assert_text(compile("Root: Ann,\n  \"a b\"@C.test, \\ben\n"), "aliases root=\"Ann\", \"a b\"@c.test, \\\"ben\"");
  assert_text(compile("a : b\n"), "aliases a=\"b\"");
  assert_text(compile("a 1\nA 2\n"), "t: found 'a' a second time, expected each key once");
  assert_text(compile("ok\n a\x01 b\n"), "t:2:2: found 'a\\x01 b', expected printable text");
  assert_text(compile("a: |cmd\n"),
              "t:1:4: found a command, expected a name or address: mail is never given to commands");
}

static void members(void**) {
  const std::vector<AliasMember> all = {{"ann", "", false}, {"a \"b\\\\", "c.test", false}, {"ben", "", true}};
  assert_true(*parse_members(members_text(all)) == all);
  assert_false(parse_members("a, |b").has_value());
}

static void networks(void**) {
  assert_text(network_key(*parse_network("10.1.2.3/8")), "10.0.0.0/8");
  assert_text(network_key(*parse_network("0.0.0.0/0")), "0.0.0.0/0");
  assert_text(network_key(*parse_network("192.0.2.1")), "192.0.2.1");
  assert_text(network_key(*parse_network("2001:db8::/32")), "2001:db8::/32");
  assert_text(network_key(*parse_network("::/0")), "::/0");
}

int main() {
  const CMUnitTest tests[] = {unit_test(compiled), unit_test(members), unit_test(networks)};
  return run_unit_tests(tests);
}
