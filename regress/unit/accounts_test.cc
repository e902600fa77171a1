// lib/conf/accounts.h: passwd(5) lines.
// SPDX-License-Identifier: ISC
#include "lib/conf/accounts.h"

#include "regress/unit/unit.h"

using namespace mailkeep;
using namespace mailkeep::conf;

static std::string errors_of(std::string_view text) {
  const auto all = parse_accounts(text, "a", true);
  return all ? "" : all.error().text;
}

static void fields(void**) {
  const auto all = parse_accounts(
      "# c\nAnna:{PLAIN}x y:1001:1002:Anna A.:/home/anna:/bin/sh\r\n\nben@mk.test:$6$a$b\ncarl", "a", true);
  assert_true(all.has_value());
  assert_int_equal(all->size(), 3);
  assert_text((*all)[0].name, "anna");
  assert_text((*all)[0].hash, "{PLAIN}x y");
  assert_int_equal((*all)[0].uid.value(), 1001);
  assert_int_equal((*all)[0].gid.value(), 1002);
  assert_text((*all)[0].gecos, "Anna A.");
  assert_text((*all)[0].home, "/home/anna");
  assert_text((*all)[1].name, "ben@mk.test");
  assert_false((*all)[1].uid.has_value());
  assert_text((*all)[2].hash, "");
}

static void hashes_left_out(void**) {
  const auto all = parse_accounts("a:secret:5:5::/:\n", "a", false);
  assert_true(all.has_value());
  assert_text((*all)[0].hash, "");
}

static void errors(void**) {
  assert_text(errors_of("a:x:0:1::/:"), "a:1:5: found '0', expected a uid from 1 on, or nothing");
  assert_text(errors_of("a:x:1:0::/:"), "a:1:7: found '0', expected a gid from 1 on, or nothing");
  assert_text(errors_of("a:x:4294967295"), "a:1:5: found '4294967295', expected a uid from 1 on, or nothing");
  assert_text(errors_of("a\nA:x"), "a:2:1: found 'a' a second time, expected each account once");
  assert_text(errors_of("../x"), "a:1:1: found '../x', expected an account's name");
  assert_text(errors_of("a/b:x"), "a:1:1: found 'a/b', expected an account's name");
  assert_text(errors_of(":x"), "a:1:1: found '', expected an account's name");
  assert_text(errors_of("a:b:::::g:h"),
              "a:1:11: found field 8, expected at most 7: name:hash:uid:gid:gecos:home:shell");
  assert_text(errors_of("a:b::::home:"), "a:1:8: found 'home', expected an absolute path, or nothing");
}

int main() {
  const CMUnitTest tests[] = {unit_test(fields), unit_test(hashes_left_out), unit_test(errors)};
  return run_unit_tests(tests);
}
