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
  const auto args = parse_mail_args("FROM:<a@b.test> SIZE=1000 body=8bitmime ret=Hdrs X-FOO=1");
  assert_text(args->path.mailbox.local, "a");
  assert_int_equal(args->params.size.value(), 1000);
  assert_true(args->params.body == Body::eight_bit);
  assert_true(args->params.ret == Ret::headers);
  assert_int_equal(args->params.needs.size(), 4);
  assert_text(args->params.needs[2].extension, "DSN");
  assert_text(args->params.needs[3].param, "X-FOO");
  assert_text(args->params.needs[3].extension, "");
  assert_true(parse_mail_args("from: <>")->path.is_null);
  for (const char* bad :
       {"", "FROM", "FROM:", "FROM:a@b", "TO:<a@b>", "FROM:<a@b>SIZE=1", "FROM:<Postmaster>", "FROM:  <a@b>"}) {
    if (parse_mail_args(bad)) fail_msg("taken: %s", bad);
  }
  std::string many;
  for (size_t i = 0; i <= kMaxParams; ++i) many += " X" + std::to_string(i);
  assert_false(parse_mail_params(many).has_value());
}

static void mail_params(void**) {
  const auto p = parse_mail_params(
      " SMTPUTF8 REQUIRETLS ENVID=QQ+2B1 HOLDFOR=60 BY=-5;nt MT-PRIORITY=-3 AUTH=<> RET=FULL BODY=BINARYMIME");
  assert_true(p->smtputf8 && p->require_tls && p->ret == Ret::full && p->body == Body::binary);
  assert_text(p->envid, "QQ+2B1");
  assert_int_equal(*p->hold_for, 60);
  assert_int_equal(p->by->seconds, -5);
  assert_true(p->by->notifies && p->by->traces);
  assert_int_equal(*p->priority, -3);
  assert_int_equal(p->needs.size(), 10);  // BODY=BINARYMIME is two
  assert_int_equal(*parse_mail_params("HOLDUNTIL=2026-01-31T12:00:00Z")->hold_until, 1769860800);
  assert_true(parse_mail_params("BY=120;R")->by->notifies == false);
  assert_int_equal(*parse_mail_params("MT-PRIORITY=0")->priority, 0);
  const std::string long_envid(100, 'a');
  assert_true(parse_mail_params("ENVID=" + long_envid).has_value());
  assert_false(parse_mail_params("ENVID=a" + long_envid).has_value());
  for (const char* bad : {"SIZE",
                          "SIZE=",
                          "SIZE=-1",
                          "SIZE=18446744073709551616",
                          "SIZE=1 SIZE=2",
                          "size=1 SIZE=1",
                          "BODY=9BIT",
                          "BODY",
                          "=x",
                          "X=\x01",
                          "X==\x7f",
                          "SMTPUTF8=1",
                          "REQUIRETLS=YES",
                          "RET=BOTH",
                          "ENVID=a=b",
                          "ENVID=+0A",
                          "ENVID=+0D+0AX:y",
                          "ENVID=+C3+A4",
                          "HOLDFOR=0",
                          "HOLDFOR=-1",
                          "HOLDFOR=1000000000",
                          "HOLDUNTIL=tomorrow",
                          "HOLDFOR=1 HOLDUNTIL=2026-01-31T12:00:00Z",
                          "HOLDUNTIL=2026-01-31T12:00:00Z HOLDFOR=1",
                          "BY=1",
                          "BY=;R",
                          "BY=0;R",
                          "BY=-1;R",
                          "BY=1;X",
                          "BY=1;RTT",
                          "BY=9999999999;R",
                          "BY=+-1;N",
                          "MT-PRIORITY=10",
                          "MT-PRIORITY=-0",
                          "MT-PRIORITY=+1",
                          "MT-PRIORITY=-",
                          "AUTH=+2",
                          "ENVID=\xc3\xa4",
                          "NO_TIFY=1"}) {
    if (parse_mail_params(bad)) fail_msg("taken: %s", bad);
  }
}

static void rcpt(void**) {
  assert_text(parse_rcpt_args("TO:<a@b.test>")->path.text(), "<a@b.test>");
  assert_text(parse_rcpt_args("to:<postMaster>")->path.mailbox.local, "postMaster");
  assert_true(parse_rcpt_args("TO:<a@b> NOTIFY=NEVER")->params.notify->never);
  assert_false(parse_rcpt_args("TO:<>").has_value());
  assert_false(parse_rcpt_args("FROM:<a@b>").has_value());
  const auto p = parse_rcpt_params(" notify=success,Failure ORCPT=rfc822;bob+2Bx@b.test");
  assert_true(p->notify->success && p->notify->failure && !p->notify->delay && !p->notify->never);
  assert_text(p->orcpt, "rfc822;bob+2Bx@b.test");
  assert_false(p->is_international);
  assert_true(parse_rcpt_params("ORCPT=utf-8;j\xc3\xb6rg@b.test")->is_international);
  assert_true(parse_rcpt_params("ORCPT=utf-8;j\\x{F6}rg@b.test").has_value());
  assert_text(parse_rcpt_params("SIZE=1")->needs[0].extension, "");  // of MAIL alone
  for (const char* bad : {"NOTIFY", "NOTIFY=", "NOTIFY=NEVER,DELAY", "NOTIFY=DELAY,NEVER", "NOTIFY=DELAY,DELAY",
                          "NOTIFY=,", "NOTIFY=SOON", "ORCPT=bob@b.test", "ORCPT=;bob", "ORCPT=rfc822;",
                          "ORCPT=rfc822;a+0D+0Ab", "ORCPT=rfc822;j\xc3\xb6rg", "ORCPT=utf-8;\xc3", "ORCPT=rf\xc3\xb6;a",
                          "ORCPT=rfc822;a=b", "NOTIFY=DELAY NOTIFY=DELAY"}) {
    if (parse_rcpt_params(bad)) fail_msg("taken: %s", bad);
  }
  assert_false(parse_rcpt_params("ORCPT=rfc822;" + std::string(500, 'a')).has_value());
  assert_true(is_helo_name("a.test"));
  assert_true(is_helo_name("[127.0.0.1]"));
  assert_false(is_helo_name("a b"));
  assert_text(decode_xtext("a+2Bb").value(), "a+b");
  assert_text(encode_xtext("a+b= \xff~"), "a+2Bb+3D+20+FF~");
  for (const char* bad : {"+", "+2", "+2b", "a=b", "a b"}) assert_false(decode_xtext(bad).has_value());
}

static void bdat(void**) {
  assert_int_equal(parse_bdat_args("100")->size, 100);
  assert_false(parse_bdat_args("100")->is_last);
  assert_true(parse_bdat_args("0 last")->is_last);
  for (const char* bad : {"", "x", "-1", "1 2", "LAST", "1 LASTS", "1 LAST LAST", "18446744073709551616", "0x10"}) {
    if (parse_bdat_args(bad)) fail_msg("taken: %s", bad);
  }
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
  for (const char* bad : {"", "25", "25x", "199 a", "600 a", "2500", "250x"})
    assert_false(parse_reply_line(bad).has_value());
}

int main() {
  const CMUnitTest tests[] = {unit_test(verbs), unit_test(mail), unit_test(mail_params),
                              unit_test(rcpt),  unit_test(bdat), unit_test(replies)};
  return run_unit_tests(tests);
}
