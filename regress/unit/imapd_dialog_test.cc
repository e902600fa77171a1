// imapd/login/dialog: conversations before login, whole and split at every byte.
// SPDX-License-Identifier: ISC
#include "imapd/login/dialog.h"

#include <cstring>

#include "lib/text/base64.h"
#include "regress/unit/unit.h"

using namespace mailkeep;
using imapd::Dialog;
using Act = Dialog::Act;

// What the dialog says and asks for; each login is denied unless `accept` is its password.
static std::string converse(Dialog& d, const std::string& all, size_t piece, const std::string& accept = "good") {
  std::string said;
  std::string buffer;
  for (size_t at = 0; at < all.size(); at += piece) {
    buffer += all.substr(at, piece);
    std::string_view input = buffer;
    for (bool more = true; more;) {
      more = false;
      switch (d.next(input, said)) {
        case Act::kMore: break;
        case Act::kStarttls: return said + "<starttls " + d.tag() + ">";
        case Act::kEnd: return said + "<end>";
        case Act::kLogin:
          if (d.password() == accept) return said + "<login " + d.tag() + " " + d.user() + ">";
          more = d.denied(said);
          if (!more) return said + "<end>";
          break;
      }
    }
    buffer.erase(0, buffer.size() - input.size());
  }
  return said;
}

static void check(Dialog::Policy policy, const std::string& in, const std::string& out) {
  for (const size_t piece : {in.size(), size_t{1}, size_t{3}}) {
    Dialog d(policy);
    assert_text(converse(d, in, piece), out);
  }
}

constexpr Dialog::Policy kTls{.tls = true, .starttls = true, .plaintext_login = false};
constexpr Dialog::Policy kBefore{.tls = false, .starttls = true, .plaintext_login = false};
constexpr Dialog::Policy kPlaintext{.tls = false, .starttls = true, .plaintext_login = true};

static void greetings(void**) {
  assert_non_null(strstr(Dialog(kBefore).greeting("mx").c_str(), "STARTTLS LOGINDISABLED] mx ready\r\n"));
  assert_null(strstr(Dialog(kTls).greeting("mx").c_str(), "STARTTLS"));
  assert_non_null(strstr(Dialog(kTls).greeting("mx").c_str(), "AUTH=PLAIN"));
  assert_null(strstr(Dialog(kTls).greeting("mx").c_str(), "LOGINDISABLED"));
  assert_null(strstr(Dialog(kBefore).greeting("mx").c_str(), "AUTH="));
  assert_null(strstr(Dialog(kPlaintext).greeting("mx").c_str(), "LOGINDISABLED"));
  assert_null(
      strstr(Dialog({.tls = false, .starttls = false, .plaintext_login = true}).greeting("mx").c_str(), "STARTTLS"));
}

static void logins(void**) {
  check(kTls, "a LOGIN alice good\r\nb NOOP\r\n", "<login a alice>");
  check(kTls, "a login \"al ice\" \"good\"\r\n", "<login a al ice>");
  check(kTls, "a LOGIN {5}\r\nalice {4}\r\ngood\r\n", "+ OK\r\n+ OK\r\n<login a alice>");
  check(kTls, "a LOGIN {5+}\r\nalice {4+}\r\ngood\r\n", "<login a alice>");
  check(kPlaintext, "a LOGIN alice good\r\n", "<login a alice>");
  check(kTls, "a LOGIN alice bad\r\nb NOOP\r\n",
        "a NO [AUTHENTICATIONFAILED] Wrong user name or password\r\nb OK Done\r\n");
  check(kTls, "a LOGIN \"\" good\r\n", "a NO [AUTHENTICATIONFAILED] Wrong user name or password\r\n");
  check(kBefore, "a LOGIN alice good\r\nb AUTHENTICATE PLAIN\r\n",
        "a NO [PRIVACYREQUIRED] Use STARTTLS first\r\nb NO [PRIVACYREQUIRED] Use STARTTLS first\r\n");
}

static void sasl(void**) {
  const std::string good = text::base64_encode(std::string("\0alice\0good", 11));
  const std::string other = text::base64_encode(std::string("bob\0alice\0good", 14));
  check(kTls, "a AUTHENTICATE PLAIN\r\n" + good + "\r\n", "+ \r\n<login a alice>");
  check(kTls, "a authenticate plain " + good + "\r\n", "<login a alice>");
  check(kTls, "a AUTHENTICATE PLAIN\r\n*\r\nb NOOP\r\n", "+ \r\na BAD Cancelled\r\nb OK Done\r\n");
  check(kTls, "a AUTHENTICATE PLAIN " + other + "\r\n",
        "a NO [AUTHORIZATIONFAILED] Nobody may act as another here\r\n");
  check(kTls, "a AUTHENTICATE CRAM-MD5\r\n", "a NO [CANNOT] No such mechanism\r\n");
  check(kTls, "a AUTHENTICATE PLAIN =\r\n", "a BAD PLAIN: expected authzid NUL authcid NUL password\r\n");
  check(kTls, "a AUTHENTICATE PLAIN\r\nnot base64\r\n", "+ \r\na BAD PLAIN: not base64\r\n");
}

static void other_commands(void**) {
  check(kBefore, "a STARTTLS\r\nb LOGIN injected good\r\n", "<starttls a>");
  check(kTls, "a STARTTLS\r\n", "a BAD TLS is on already\r\n");
  check(kTls, "a LOGOUT\r\n", "* BYE Logging out\r\na OK Done\r\n<end>");
  check(kTls, "a ID NIL\r\n", "* ID (\"name\" \"Mailkeep\")\r\na OK Done\r\n");
  check(kTls, "a SELECT INBOX\r\nb IDLE\r\nc FETCH 1 FLAGS\r\n",
        "a BAD Log in first\r\nb BAD Log in first\r\nc BAD Log in first\r\n");
  check(kTls, "a APPEND INBOX {3}\r\nb NOOP\r\n", "a BAD Log in first\r\nb OK Done\r\n");
}

static void limits(void**) {
  std::string five;
  for (int i = 0; i < 6; i++) five += "a LOGIN alice bad\r\n";
  std::string denied;
  for (int i = 0; i < 5; i++) denied += "a NO [AUTHENTICATIONFAILED] Wrong user name or password\r\n";
  check(kTls, five, denied + "* BYE Too many failed logins\r\n<end>");

  Dialog http(kTls);
  std::string request = "POST / HTTP/1.1\r\nHost: mx\r\n";
  for (int i = 0; i < 30; i++) request += "X: y\r\n";
  const std::string said = converse(http, request, request.size());
  assert_non_null(strstr(said.c_str(), "* BYE Too many errors\r\n<end>"));

  Dialog longline(kTls);
  const std::string answer = converse(longline, "a LOGIN alice " + std::string(20000, 'x') + "\r\nb NOOP\r\n", 1000);
  assert_non_null(strstr(answer.c_str(), "b OK Done\r\n"));
  assert_null(strstr(answer.c_str(), "<login"));
  Dialog literal(kTls);
  const std::string refused = converse(literal, "a LOGIN {9000000}\r\nb NOOP\r\n", 1000);
  assert_null(strstr(refused.c_str(), "+ OK"));
  assert_non_null(strstr(refused.c_str(), "b OK Done\r\n"));
}

int main() {
  const CMUnitTest tests[] = {unit_test(greetings), unit_test(logins), unit_test(sasl), unit_test(other_commands),
                              unit_test(limits)};
  return run_unit_tests(tests);
}
