// lib/smtp: command lines, arguments, replies.
// SPDX-License-Identifier: ISC
#include "lib/smtp/command.h"

#include "lib/smtp/reply.h"
#include "regress/unit/unit.h"

using namespace mailkeep;
using namespace mailkeep::smtp;

static void verbs(void**) {
  assert_true(parse_command("EHLO a.test")->verb == Verb::ehlo);
  assert_text(parse_command("ehlo  a.test  ")->arguments, "a.test");
  assert_true(parse_command("quit ")->verb == Verb::quit);
  assert_true(parse_command("QUITX")->verb == Verb::unknown);
  assert_true(parse_command("StartTLS")->verb == Verb::starttls);
  for (const char* bad : {"", " ", " QUIT", "NOOP \x01", "NOOP\tx", "EHLO \xc3\xa4", "QUIT\r"}) {
    if (parse_command(bad)) fail_msg("taken: %s", bad);
  }
}

static void mail(void**) {
  const auto args = parse_mail_args("FROM:<a@b.test> SIZE=1000 body=8bitmime RET=HDRS");
  assert_text(args->path.mailbox.local, "a");
  assert_int_equal(args->size.value(), 1000);
  assert_true(args->body == Body::eight_bit);
  assert_int_equal(args->others.size(), 1);
  assert_text(args->others[0].keyword, "RET");
  assert_true(parse_mail_args("from: <>")->path.is_null);
  assert_true(parse_mail_args("FROM:<> SMTPUTF8")->smtputf8);
  for (const char* bad : {"", "FROM", "FROM:", "FROM:a@b", "TO:<a@b>", "FROM:<a@b>SIZE=1", "FROM:<a@b> SIZE", "FROM:<a@b> SIZE=",
                          "FROM:<a@b> SIZE=-1", "FROM:<a@b> SIZE=18446744073709551616", "FROM:<a@b> BODY=9BIT", "FROM:<a@b> SIZE=1 SIZE=2",
                          "FROM:<a@b> =x", "FROM:<a@b> X=\x01", "FROM:<Postmaster>", "FROM:  <a@b>", "FROM:<a@b> X==\x7f"}) {
    if (parse_mail_args(bad)) fail_msg("taken: %s", bad);
  }
  std::string many = "FROM:<>";
  for (size_t i = 0; i <= kMaxParams; ++i) many += " X" + std::to_string(i);
  assert_false(parse_mail_args(many).has_value());
}

static void rcpt(void**) {
  assert_text(parse_rcpt_args("TO:<a@b.test>")->path.text(), "<a@b.test>");
  assert_text(parse_rcpt_args("to:<postMaster>")->path.mailbox.local, "postMaster");
  assert_text(parse_rcpt_args("TO:<a@b> NOTIFY=NEVER")->others[0].value, "NEVER");
  assert_false(parse_rcpt_args("TO:<>").has_value());
  assert_false(parse_rcpt_args("FROM:<a@b>").has_value());
  assert_true(is_helo_name("a.test"));
  assert_true(is_helo_name("[127.0.0.1]"));
  assert_false(is_helo_name("a b"));
  assert_text(decode_xtext("a+2Bb").value(), "a+b");
  for (const char* bad : {"+", "+2", "+2b", "a=b", "a b"}) assert_false(decode_xtext(bad).has_value());
}

static void replies(void**) {
  assert_text(format_reply(250, "2.1.5", "ok"), "250 2.1.5 ok\r\n");
  assert_text(format_reply(550, "", "a\r\nb\xff"), "550 a??b?\r\n");
  assert_true(format_reply(250, "", std::string(10000, 'a')).size() <= 512);
  assert_text(format_multiline_reply(250, {"a", "b"}), "250-a\r\n250 b\r\n");
  const auto line = parse_reply_line("550 5.1.1 no such user");
  assert_int_equal(line->code, 550);
  assert_true(line->is_last);
  assert_text(line->enhanced, "5.1.1");
  assert_text(line->text, "no such user");
  assert_false(parse_reply_line("250-x")->is_last);
  assert_text(parse_reply_line("250 5.1.1 x")->enhanced, "");
  assert_true(parse_reply_line("250").has_value());
  for (const char* bad : {"", "25", "25x", "199 a", "600 a", "2500", "250x"}) assert_false(parse_reply_line(bad).has_value());
}

int main() {
  const CMUnitTest tests[] = {unit_test(verbs), unit_test(mail), unit_test(rcpt), unit_test(replies)};
  return run_unit_tests(tests);
}
