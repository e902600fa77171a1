// smtpd/sendmail: lines, addresses, headers of what programs write.
// SPDX-License-Identifier: ISC
#include "smtpd/sendmail/letter.h"

#include "regress/unit/unit.h"

using namespace mailkeep;
using sendmail::Arguments;
using sendmail::Letter;

static void lines(void**) {
  const struct {
    std::string in;
    bool dots;
    std::string out;
  } rows[] = {
      {"", true, ""},
      {"a", true, "a\r\n"},
      {"a\nb\n", true, "a\r\nb\r\n"},
      {"a\r\nb\r\n", true, "a\r\nb\r\n"},
      {"a\r\r\nb", true, "a\r\nb\r\n"},
      {"10%\r20%\rdone\n", true, "10%\r\n20%\r\ndone\r\n"},
      {"a\r", true, "a\r\n"},
      {"\n\n", true, "\r\n\r\n"},
      {std::string("a\0b\n", 4), true, "ab\r\n"},
      {"a\n.\nb\n", true, "a\r\n"},
      {"a\n.\nb\n", false, "a\r\n.\r\nb\r\n"},
      {"a\n.\r\nb\n", true, "a\r\n"},
      {".\n", true, ""},
      {"..\n. \n", true, "..\r\n. \r\n"},
      {"a\n.", true, "a\r\n"},
      {std::string(998, 'x') + "\n", true, std::string(998, 'x') + "\r\n"},
      {std::string(1000, 'x') + "\n", true, std::string(998, 'x') + "\r\n xx\r\n"},
      {std::string(998 + 997 + 1, 'x') + "\n", true,
       std::string(998, 'x') + "\r\n " + std::string(997, 'x') + "\r\n x\r\n"},
      {std::string(997, 'x') + "\xc3\xa4y\n", true, std::string(997, 'x') + "\r\n \xc3\xa4y\r\n"},
  };
  for (const auto& row : rows) assert_text(sendmail::normalize(row.in, row.dots), row.out);
}

static void complete_addresses(void**) {
  const struct {
    const char* in;
    const char* out;
  } rows[] = {
      {"root", "root@h.test"},
      {" root (Cron Daemon)", " root@h.test (Cron Daemon)"},
      {"a, b@x.test,\r\n c", "a@h.test, b@x.test,\r\n c@h.test"},
      {"Alice <alice>", "Alice <alice@h.test>"},
      {"\"Doe, John\" <john>, jane", "\"Doe, John\" <john@h.test>, jane@h.test"},
      {"<alice>", "<alice@h.test>"},
      {"<>", "<>"},
      {"team: a, b <c>; d", "team: a@h.test, b <c@h.test>; d@h.test"},
      {"undisclosed-recipients:;", "undisclosed-recipients:;"},
      {"first.last", "first.last@h.test"},
      {"\"odd one\"", "\"odd one\"@h.test"},
      {"Cron Daemon", "Cron Daemon"},
      {"a@x.test (of b), c", "a@x.test (of b), c@h.test"},
      {"<@relay.test:a@x.test>", "<@relay.test:a@x.test>"},
      {"", ""},
      {",,", ",,"},
      {"(only a comment)", "(only a comment)"},
      {"<a", "<a"},
  };
  for (const auto& row : rows) assert_text(sendmail::qualify(row.in, "h.test"), row.out);
}

static void envelope_addresses(void**) {
  const auto joined = [](std::string_view list) {
    const auto found = sendmail::addresses_of(list, "h.test");
    if (!found) return std::string("error");
    std::string out;
    for (const auto& a : *found) out += (out.empty() ? "" : " ") + a;
    return out;
  };
  assert_text(joined("bob"), "bob@h.test");
  assert_text(joined("Bob <bob@x.test>, carol"), "bob@x.test carol@h.test");
  assert_text(joined("team: a, b;"), "a@h.test b@h.test");
  assert_text(joined("\"a b\"@x.test"), "\"a b\"@x.test");
  assert_text(joined("@x.test"), "error");
  assert_text(joined("bob@@x.test"), "error");
  assert_text(joined("bob@"), "error");
  assert_text(joined("two words"), "error");
  assert_text(joined(std::string(400, 'a')), "error");
  assert_text(joined("\"a\x01\"@x.test"), "error");
  assert_text(sendmail::sender_of("<>", "h.test").value_or("error"), "");
  assert_text(sendmail::sender_of(" ", "h.test").value_or("error"), "");
  assert_text(sendmail::sender_of("<me@x.test>", "h.test").value_or("error"), "me@x.test");
  assert_text(sendmail::sender_of("me", "h.test").value_or("error"), "me@h.test");
  assert_text(sendmail::sender_of("a, b", "h.test").value_or("error"), "error");
}

// "SENDER > RECIPIENTS | TEXT", lines ended by "/".
static std::string composed(const Arguments& a, const std::string& input) {
  const auto letter = sendmail::compose(a, sendmail::normalize(input, a.dots), "me@h.test", "h.test", "Me Myself");
  if (!letter) return "error: " + letter.error().text;
  std::string out = letter->sender + " >";
  for (const auto& to : letter->recipients) out += " " + to;
  out += " | ";
  for (const char c : letter->text) {
    if (c == '\r') continue;
    out += c == '\n' ? '/' : c;
  }
  return out;
}

static void letters(void**) {
  Arguments plain, from_header, as;
  plain.recipients = {"bob", "bob@h.test", "x@y.test"};
  from_header.from_header = true;
  as.from_header = as.has_sender = true;
  as.sender = "cron";
  as.full_name = "Cron, Daemon";
  const struct {
    const Arguments& a;
    std::string in;
    std::string out;
  } rows[] = {
      {plain, "Subject: s\n\nhi\n", "me@h.test > bob@h.test x@y.test | Subject: s/From: Me Myself <me@h.test>//hi/"},
      {plain, "no header here\nat all\n",
       "me@h.test > bob@h.test x@y.test | From: Me Myself <me@h.test>//no header here/at all/"},
      {plain, "", "me@h.test > bob@h.test x@y.test | From: Me Myself <me@h.test>//"},
      {plain, "\nbody\n", "me@h.test > bob@h.test x@y.test | From: Me Myself <me@h.test>//body/"},
      {plain, "Subject: s\nbody at once\n",
       "me@h.test > bob@h.test x@y.test | Subject: s/From: Me Myself <me@h.test>//body at once/"},
      {plain, "From: a@b.test\nTo: z\nBcc: q\n\nx\n",
       "me@h.test > bob@h.test x@y.test | From: a@b.test/To: z@h.test//x/"},
      {plain, "From me Thu Nov 26\nFrom: a@b.test\n\nx\n", "me@h.test > bob@h.test x@y.test | From: a@b.test//x/"},
      {plain, "Return-Path: <x>\nFrom: a@b.test\n\nx\n", "me@h.test > bob@h.test x@y.test | From: a@b.test//x/"},
      {from_header, "To: a,\n b (B)\nCC: c@x.test\nBCC: d,\n e\nFrom: me\nSubject: s\n\n.x\n",
       "me@h.test > a@h.test b@h.test c@x.test d@h.test e@h.test | To: a@h.test,/ b@h.test (B)/CC: c@x.test/From: "
       "me@h.test/Subject: s//.x/"},
      {from_header, "To: a\nResent-To: r\n\nx\n",
       "me@h.test > r@h.test | To: a@h.test/Resent-To: r@h.test/From: Me Myself <me@h.test>//x/"},
      {from_header, "Subject: nobody\n\nx\n", "me@h.test > | Subject: nobody/From: Me Myself <me@h.test>//x/"},
      {from_header, "To: @bad\n\nx\n", "error: To: '@bad' has something that is no address"},
      {as, "To: a\n\nx\n", "cron@h.test > a@h.test | To: a@h.test/From: \"Cron, Daemon\" <cron@h.test>//x/"},
  };
  for (const auto& row : rows) assert_text(composed(row.a, row.in), row.out);
}

int main() {
  const CMUnitTest tests[] = {unit_test(lines), unit_test(complete_addresses), unit_test(envelope_addresses),
                              unit_test(letters)};
  return run_unit_tests(tests);
}
