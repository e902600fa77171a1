// lib/conf/credentials.h, and what relay actions say.
// SPDX-License-Identifier: ISC
#include "lib/conf/credentials.h"

#include "lib/conf/parse.h"
#include "regress/unit/unit.h"

using namespace mailkeep;
using namespace mailkeep::conf;

namespace {

Result<Config> parse(const std::string& text) {
  return parse_text(text, "/etc/c", [](const std::string&) -> Result<std::string> { return Error("no such file"); });
}
std::string errors_of(const std::string& text) {
  const auto config = parse(text);
  return config ? "" : config.error().text;
}

void a_file(void**) {
  assert_false(parse_credentials("b u:p\rx\n", "/etc/cred"));  // a CR is no part of a password, but may end the line
  const auto good = parse_credentials("# comment\n\nisp  user@isp.test:pass word:x \n\tb u:p\r\n", "/etc/cred");
  assert_true(good);
  assert_int_equal(good->size(), 2);
  assert_text(good->find("isp")->second.user, "user@isp.test");
  assert_text(good->find("isp")->second.password, "pass word:x");
  assert_text(good->find("b")->second.password, "p");
  const auto error = [](const std::string& text) { return parse_credentials(text, "/etc/cred").error().text; };
  assert_text(error("a u:p\n b\n"), "/etc/cred:2:3: found end of line, expected user:password");
  assert_text(error("a secret\n"), "/etc/cred:1:3: found something else, expected user:password");
  assert_text(error("a u:p\na v:q\n"), "/etc/cred:2:1: found the label 'a' again, expected each label once");
  assert_text(
      error("{ u:p\n"),
      "/etc/cred:1:1: found a label of other characters, expected a label of letters, digits, '-', '_' and '.'");
}

void actions(void**) {
  const auto c = parse(
      "table creds { isp = \"u:p\" }\n"
      "action a relay\n"
      "action b relay host \"smtps://isp@mail.isp.test\" auth <creds> tls verify helo me.test source { 192.0.2.1, "
      "2001:db8::1 }\n"
      "action c relay host { smtp://A.test:2525, smtp+tls://[2001:db8::2], \"smtp://192.0.2.7\" } tls none\n");
  assert_true(c);
  const Action& a = *c->action("a");
  assert_true(a.kind == ActionKind::relay && a.hosts.empty() && a.tls == RelayTls::may);
  const Action& b = *c->action("b");
  assert_text(b.hosts.at(0).host, "mail.isp.test");
  assert_text(b.hosts[0].label, "isp");
  assert_int_equal(b.hosts[0].port, 465);
  assert_true(b.hosts[0].implicit_tls && b.tls == RelayTls::verify);
  assert_text(b.helo, "me.test");
  assert_int_equal(b.sources.size(), 2);
  const Action& d = *c->action("c");
  assert_int_equal(d.hosts.size(), 3);
  assert_text(d.hosts[0].host, "a.test");
  assert_int_equal(d.hosts[0].port, 2525);
  assert_text(d.hosts[1].host, "2001:db8::2");
  assert_true(d.hosts[1].require_tls && !d.hosts[1].implicit_tls && d.hosts[1].port == 25);
  assert_true(d.tls == RelayTls::none);
}

void mistakes(void**) {
  const std::string url = "smtp://, smtp+tls:// or smtps://, then [label@]host[:port]";
  assert_text(errors_of("action a relay host mail.test\n"), "/etc/c:1:21: found 'mail.test', expected " + url);
  assert_text(errors_of("action a relay host smtp://mail.test:0\n"),
              "/etc/c:1:21: found 'smtp://mail.test:0', expected " + url);
  assert_text(errors_of("action a relay host smtp://1.2.3\n"), "/etc/c:1:21: found 'smtp://1.2.3', expected " + url);
  assert_text(errors_of("action a relay tls always\n"),
              "/etc/c:1:20: found 'always', expected none, may, encrypt or verify");
  assert_text(errors_of("action a relay source here\n"),
              "/etc/c:1:23: found 'here', expected an address of this machine");
  assert_text(errors_of("action a relay tls may tls none\n"),
              "/etc/c:1:24: found 'tls', expected host, auth, tls, helo, source, warm-up, backup, srs, ttl (each once) "
              "or end of line");
  assert_text(errors_of("action a relay host smtp://isp@m.test\n"),
              "/etc/c:1:21: found 'isp@' without credentials, expected auth <table> in the action");
  assert_text(errors_of("table t { x = \"u:p\" }\naction a relay host smtp://isp@m.test auth <t>\n"),
              "/etc/c:2:21: found 'isp@', expected a label of <t>");
  assert_text(errors_of("table t { x = \"up\" }\naction a relay host smtp://x@m.test auth <t>\n"),
              "/etc/c:1:7: found 'x' in <t>, expected label = \"user:password\" in a table of credentials");
  assert_text(errors_of("table t { x = \"u:p\" }\naction a relay auth <t>\n"),
              "/etc/c:2:8: found action 'a' with credentials for no host, expected a host with a label, such as "
              "smtps://label@name");
  assert_text(errors_of("action a relay auth <none>\n").substr(0, 50),
              "/etc/c:1:21: found <none>, expected a table that t");
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {unit_test(a_file), unit_test(actions), unit_test(mistakes)};
  return run_unit_tests(tests);
}
