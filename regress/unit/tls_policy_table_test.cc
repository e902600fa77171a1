// lib/conf/tls_policy.h, and the statements tls-policy and provider.
// SPDX-License-Identifier: ISC
#include "lib/conf/tls_policy.h"

#include "lib/conf/parse.h"
#include "regress/unit/unit.h"

using namespace mailkeep;
using namespace mailkeep::conf;

namespace {

const std::string kDigest(64, 'a');

void values(void**) {
  for (const std::string good :
       {"none", "may", "encrypt", "verify", "verify match mx.x.test", "verify  match a.test\tb.test"}) {
    assert_true(parse_tls_rule("x.test", good).has_value());
  }
  for (const std::string bad : {"", "must", "none match a", "encrypt a", "verify a.test", "verify match",
                                "verify match a..b", "fingerprint", "fingerprint sha256:", "fingerprint sha1:aa"}) {
    assert_false(parse_tls_rule("x.test", bad).has_value());
  }
  assert_false(parse_tls_rule("x.test", "fingerprint sha256:" + kDigest.substr(1)).has_value());
  assert_false(parse_tls_rule("x.test", "fingerprint sha256:" + kDigest.substr(1) + "g").has_value());
  assert_false(parse_tls_rule("x.test", "fingerprint " + kDigest).has_value());
  std::string colons;
  for (int i = 0; i < 32; i++) colons += std::string(i == 0 ? "" : ":") + "AA";
  const auto pin = parse_tls_rule("*.X.test", "fingerprint sha256:" + kDigest + " SHA256:" + colons);
  assert_true(pin && pin->fingerprints.size() == 2 && pin->fingerprints[0] == std::string(32, '\xaa') &&
              pin->fingerprints[0] == pin->fingerprints[1]);
  assert_text(pin->pattern, "*.x.test");
  std::string many = "verify match";
  for (int i = 0; i < 9; i++) many += " a.test";
  assert_false(parse_tls_rule("x.test", many).has_value());
  for (const std::string bad : {"", "*", "*.", "*x.test", "a b", "a..b", "*.*.test"}) assert_false(is_tls_pattern(bad));
}

void a_file(void**) {
  const auto rules =
      parse_tls_rules("# partners\n\n Bank.test \tverify match mx.bank.test\r\n*.gov.test encrypt\n", "/t");
  assert_true(rules && rules->size() == 2);
  assert_text((*rules)[0].pattern, "bank.test");
  assert_text((*rules)[0].names.at(0), "mx.bank.test");
  const struct {
    const char* text;
    const char* error;
  } rows[] = {{"a.test may\n b.test maybe\n", "/t:2:9: found 'maybe', expected none, may"},
              {"a..b may", "/t:1:1: found 'a..b', expected a domain name"},
              {"a.test", "/t:1:7: found '', expected none, may"},
              {"a.test may\nA.test none", "/t:2:1: found 'A.test', expected each domain once"}};
  for (const auto& r : rows) {
    const auto bad = parse_tls_rules(r.text, "/t");
    assert_false(bad.has_value());
    assert_text(bad.error().text.substr(0, std::string(r.error).size()), r.error);
  }
}

Result<Config> parse(const std::string& text) {
  return parse_text("auth table <a>\ntable a { x = y }\n" + text, "/c",
                    [](const std::string&) -> Result<std::string> { return Error("none"); });
}

void the_statement(void**) {
  auto c = parse("tls-policy { bank.test = \"verify match mx.bank.test\", \"*.gov.test\" = encrypt }\n");
  assert_true(c.has_value());
  const auto rules = tls_rules_of(*c->table(c->tls_policy));
  assert_int_equal(rules.size(), 2);
  assert_true(rules[1].tls == RelayTls::encrypt);
  c = parse("table p file:/etc/p\ntls-policy <p>\n");
  assert_true(c && c->tls_policy == "p");
  c = parse("table p { x.test = may }\ntls-policy <p>\n");
  assert_true(c.has_value());
  for (const std::string bad :
       {"tls-policy { x.test = maybe }\n", "tls-policy { x.test }\n", "tls-policy <none>\n", "tls-policy may\n",
        "table p { x..t = may }\ntls-policy <p>\n", "tls-policy { a.test = may }\ntls-policy { a.test = may }\n"}) {
    assert_false(parse(bad).has_value());
  }
}

void groups_of_receivers(void**) {
  auto c = parse(
      "provider big mx { a.test, B.test } connections 3 rate 120\nprovider google connections 5\naction out relay "
      "warm-up 50\n");
  assert_true(c && c->providers.size() == 2);
  assert_true(c->providers[0].suffixes == (std::vector<std::string>{"a.test", "b.test"}));
  assert_int_equal(c->providers[0].connections, 3);
  assert_int_equal(c->providers[0].rate, 120);
  assert_int_equal(c->action("out")->warm_up, 50);
  for (const std::string bad : {"provider\n", "provider p\n", "provider p mx a..b\n", "provider p connections 0\n",
                                "provider p connections 2000\n", "provider p rate x\n",
                                "provider p mx a.test mx b.test\n", "provider p mx a.test\nprovider p mx b.test\n",
                                "provider p what\n", "action out relay warm-up 1\n", "action out relay warm-up\n"}) {
    assert_false(parse(bad).has_value());
  }
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {unit_test(values), unit_test(a_file), unit_test(the_statement),
                              unit_test(groups_of_receivers)};
  return run_unit_tests(tests);
}
