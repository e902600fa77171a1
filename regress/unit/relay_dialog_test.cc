// smtpd/relay's dialog: a scripted server, every phase of which may fail. Each script runs whole and cut at every byte.
// SPDX-License-Identifier: ISC
#include "regress/unit/relay_play.h"

namespace {

void a_pipelined_transaction(void**) {
  for (const bool cut : {false, true}) {
    Play p;
    p.cut = cut;
    hello(p);
    Transfer t = transfer_to({"b@x.test", "c@x.test"});
    t.options.envid = "id1";
    t.options.ret = queue::Ret::kHeaders;
    t.recipients[1].recipient.options = {queue::kNotifySuccess | queue::kNotifyFailure, "rfc822;q@x.test"};
    assert_true(p.begin(t) == Step::kWait);
    assert_text(p.heard(),
                "MAIL FROM:<a@mk.test> SIZE=27 RET=HDRS ENVID=id1\r\nRCPT TO:<b@x.test>\r\n"
                "RCPT TO:<c@x.test> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;q@x.test\r\nDATA\r\n");
    assert_true(p.say("250 ok\r\n250 ok\r\n550-5.1.1 no\r\n550 5.1.1 such user\r\n") == Step::kWait);
    assert_false(p.d.wants_content());
    assert_true(p.say("354 go on\r\n") == Step::kWait);
    assert_text(p.content(), kStuffed);
    assert_true(p.d.awaits_final());
    assert_true(p.say("250 2.0.0 kept\r\n") == Step::kDone);
    assert_true(p.result(0).outcome == Outcome::kDelivered && p.result(0).code == 250 && p.result(0).number == 10);
    assert_text(p.result(0).text, "kept");
    assert_true(p.result(1).outcome == Outcome::kPermanent && p.result(1).code == 550 && p.result(1).number == 11);
    assert_text(p.result(1).enhanced, "5.1.1");
    assert_text(p.result(1).text, "no such user");
    // The next one on the same connection, without RSET.
    assert_true(p.d.is_reusable());
    const Transfer again = transfer_to({"b@x.test"});
    assert_true(p.begin(again) == Step::kWait);
    assert_text(p.heard(), "MAIL FROM:<a@mk.test> SIZE=27\r\nRCPT TO:<b@x.test>\r\nDATA\r\n");
  }
}

void one_command_at_a_time(void**) {
  Play p;
  assert_true(p.say("220 old\r\n") == Step::kWait);
  p.heard();
  assert_true(p.say("502 what?\r\n") == Step::kWait);
  assert_text(p.heard(), "HELO mk.test\r\n");
  assert_true(p.say("250 hello\r\n") == Step::kReady);
  const Transfer t = transfer_to({"b@x.test", "c@x.test"});
  p.begin(t);
  assert_text(p.heard(), "MAIL FROM:<a@mk.test>\r\n");
  p.say("250 ok\n");  // LF alone ends a reply of such servers
  assert_text(p.heard(), "RCPT TO:<b@x.test>\r\n");
  p.say("450 busy\r\n");
  assert_text(p.heard(), "RCPT TO:<c@x.test>\r\n");
  assert_true(p.say("450 4.2.1 busy too\r\n") == Step::kDone);  // nobody: no DATA
  assert_text(p.heard(), "");
  assert_true(p.result(0).outcome == Outcome::kTemporary);
  assert_text(p.result(0).enhanced, "4.0.0");
  assert_true(p.d.is_reusable());
  p.begin(t);
  assert_text(p.heard(), "RSET\r\n");  // the last one was left open
  p.say("250 ok\r\n");
  assert_text(p.heard(), "MAIL FROM:<a@mk.test>\r\n");
  assert_true(p.say("550 5.7.1 not you\r\n") == Step::kDone);
  assert_true(p.result(0).outcome == Outcome::kPermanent && p.result(1).outcome == Outcome::kPermanent);
}

// What is answered where, and what becomes of it.
void every_phase_may_fail(void**) {
  struct Row {
    const char* script;
    Step end;
    Outcome outcome;  // when done
    uint16_t code;
  };
  const Row rows[] = {
      {"554 go away\r\n", Step::kFailed, Outcome::kTemporary, 554},
      {"421 busy\r\n", Step::kFailed, Outcome::kTemporary, 421},
      {"nonsense\r\n", Step::kFailed, Outcome::kTemporary, 0},
      {"220 hi\r\n250-a\r\n251 b\r\n", Step::kFailed, Outcome::kTemporary, 0},
      {"220 hi\r\n451 not now\r\n", Step::kFailed, Outcome::kTemporary, 451},
      {"220 hi\r\n500 ?\r\n500 ?\r\n", Step::kFailed, Outcome::kTemporary, 500},
      {"220 hi\r\n250-m\r\n250 PIPELINING\r\n451 4.3.0 later\r\n503 no\r\n503 no\r\n", Step::kDone, Outcome::kTemporary,
       451},
      {"220 hi\r\n250-m\r\n250 PIPELINING\r\n552 5.3.4 big\r\n503 no\r\n503 no\r\n", Step::kDone, Outcome::kPermanent,
       552},
      {"220 hi\r\n250-m\r\n250 PIPELINING\r\n421 4.3.2 ending\r\n", Step::kFailed, Outcome::kTemporary, 421},
      {"220 hi\r\n250-m\r\n250 PIPELINING\r\n250 ok\r\n450 4.7.1 grey\r\n554 no valid\r\n", Step::kDone,
       Outcome::kTemporary, 450},
      {"220 hi\r\n250-m\r\n250 PIPELINING\r\n250 ok\r\n250 ok\r\n451 no\r\n", Step::kDone, Outcome::kTemporary, 451},
      {"220 hi\r\n250-m\r\n250 PIPELINING\r\n250 ok\r\n250 ok\r\n250 what\r\n", Step::kFailed, Outcome::kTemporary,
       250},
      {"220 hi\r\n250-m\r\n250 PIPELINING\r\n250 ok\r\n354 what\r\n", Step::kFailed, Outcome::kTemporary, 354},
      {"220 hi\r\n250 m\r\n250 ok\r\n250 ok\r\n550 5.6.0 no data\r\n", Step::kDone, Outcome::kPermanent, 550},
      {"220 hi\r\n250-m\r\n250 PIPELINING\r\n250 ok\r\n250 ok\r\n354 go\r\n554 5.7.1 spam\r\n", Step::kDone,
       Outcome::kPermanent, 554},
      {"220 hi\r\n250-m\r\n250 PIPELINING\r\n250 ok\r\n250 ok\r\n354 go\r\n421 4.3.2 ending\r\n", Step::kDone,
       Outcome::kTemporary, 421},
      {"220 hi\r\n250-m\r\n250 PIPELINING\r\n250 ok\r\n250 ok\r\n354 go\r\n354 more\r\n", Step::kFailed,
       Outcome::kTemporary, 354},
  };
  for (const Row& row : rows) {
    for (const bool cut : {false, true}) {
      Play p;
      const Transfer t = transfer_to({"b@x.test"});
      Step end = Step::kWait;
      std::string_view script = row.script;
      while (!script.empty() && (end == Step::kWait || end == Step::kReady)) {
        const size_t line = cut ? 1 : script.find('\n') + 1;
        end = p.say(std::string(script.substr(0, line)));
        script.remove_prefix(line);
        if (end == Step::kReady) end = p.begin(t);
        if (p.d.wants_content()) p.content();
      }
      if (end != row.end || !script.empty())
        fail_msg("%s: step %d, %zu bytes left", row.script, static_cast<int>(end), script.size());
      if (end == Step::kDone) {
        assert_true(p.result(0).outcome == row.outcome);
        assert_int_equal(p.result(0).code, row.code);
        assert_int_equal(p.d.is_reusable(), row.code != 421);
      } else {
        assert_int_equal(p.d.failure().code, row.code);
        assert_false(p.d.failure().text.empty());
        assert_true(p.d.failure().enhanced[0] == '4');
      }
    }
  }
}

void starttls(void**) {
  Play p({.tls = Tls::kVerify});
  p.say("220 hi\r\n");
  p.heard();
  p.say("250-m\r\n250-STARTTLS\r\n250 SIZE 5\r\n");
  assert_text(p.heard(), "STARTTLS\r\n");
  assert_true(p.say("220 go\r\n") == Step::kStartTls);
  p.d.tls_up();
  assert_text(p.heard(), "EHLO mk.test\r\n");
  assert_true(p.say("250 m\r\n") == Step::kReady);
  assert_true(p.d.is_encrypted());
  assert_int_equal(p.d.offers().max_size, 0);  // forgotten

  Play pushed({.tls = Tls::kMay});  // sends more than its answer, in the clear
  pushed.say("220 hi\r\n");
  pushed.say("250-m\r\n250 STARTTLS\r\n");
  assert_true(pushed.say("220 go\r\n250 2.1.0 injected\r\n") == Step::kFailed);
  assert_true(pushed.d.tls_failed());

  Play lying({.tls = Tls::kMay});  // offers it, then not: plaintext goes on
  lying.say("220 hi\r\n");
  lying.say("250-m\r\n250 STARTTLS\r\n");
  assert_true(lying.say("454 4.7.0 not now\r\n") == Step::kReady);
  assert_false(lying.d.is_encrypted());
  Play strict({.tls = Tls::kEncrypt});
  strict.say("220 hi\r\n");
  strict.say("250-m\r\n250 STARTTLS\r\n");
  assert_true(strict.say("454 4.7.0 not now\r\n") == Step::kFailed);
  Play absent({.tls = Tls::kEncrypt});
  absent.say("220 hi\r\n");
  assert_true(absent.say("250 m\r\n") == Step::kFailed);
  assert_text(absent.d.failure().text, "TLS is required, but it does not offer STARTTLS");
  Play injected({.tls = Tls::kMay});
  injected.say("220 hi\r\n");
  injected.say("250-m\r\n250 STARTTLS\r\n");
  assert_true(injected.say("220 go\r\n250 injected\r\n") == Step::kFailed);
  Play none({.tls = Tls::kNone});
  none.say("220 hi\r\n");
  assert_true(none.say("250-m\r\n250 STARTTLS\r\n") == Step::kReady);
  Play failed({.tls = Tls::kMay, .tls_failed = true});
  failed.say("220 hi\r\n");
  assert_true(failed.say("250-m\r\n250 STARTTLS\r\n") == Step::kReady);
}

void auth(void**) {
  Play p({.encrypted = true, .user = "u", .password = "p"});
  p.say("220 hi\r\n");
  p.heard();
  p.say("250-m\r\n250 AUTH LOGIN PLAIN\r\n");
  assert_text(p.heard(), "AUTH PLAIN AHUAcA==\r\n");
  assert_true(p.say("235 2.7.0 ok\r\n") == Step::kReady);
  Play login({.loopback = true, .user = "u", .password = "p"});
  login.say("220 hi\r\n");
  login.heard();
  login.say("250-m\r\n250 AUTH LOGIN\r\n");
  assert_text(login.heard(), "AUTH LOGIN\r\n");
  login.say("334 VXNlcm5hbWU6\r\n");
  assert_text(login.heard(), "dQ==\r\n");
  login.say("334 UGFzc3dvcmQ6\r\n");
  assert_text(login.heard(), "cA==\r\n");
  assert_true(login.say("535 5.7.8 wrong\r\n") == Step::kFailed);
  assert_text(login.d.failure().enhanced, "4.7.8");  // our mistake: the mail waits
  Play plain({.user = "u", .password = "p"});
  plain.say("220 hi\r\n");
  plain.heard();
  assert_true(plain.say("250-m\r\n250 AUTH PLAIN\r\n") == Step::kFailed);
  assert_text(plain.heard(), "");
  Play unable({.encrypted = true, .user = "u", .password = "p"});
  unable.say("220 hi\r\n");
  assert_true(unable.say("250-m\r\n250 AUTH CRAM-MD5\r\n") == Step::kFailed);
}

void what_a_server_cannot_take(void**) {
  Play p;
  hello(p, "250-m\r\n250 SIZE 100\r\n");
  const auto refused = [&](const Transfer& t, const std::string& status) {
    assert_true(p.begin(t) == Step::kDone);
    assert_text(p.heard(), "");
    assert_true(p.result(0).outcome == Outcome::kPermanent && p.result(0).code == 0);
    assert_text(p.result(0).enhanced, status);
    assert_true(p.d.is_reusable());
  };
  refused(transfer_to({"b@x.test"}, std::string(200, 'x')), "5.3.4");
  refused(transfer_to({"b@x.test"}, "Subject: \xc3\xa4\r\n"), "5.6.3");
  refused(transfer_to({"b@x.test"}, "bare\nLF\r\n"), "5.6.0");
  refused(transfer_to({"b@x.test"}, "bare\rCR\r\n"), "5.6.0");
  refused(transfer_to({"b@x.test"}, std::string("nul\0\r\n", 6)), "5.6.0");
  refused(transfer_to({"b@x.test>\r\nRCPT TO:<c@x.test"}), "5.1.3");
  refused(transfer_to({"b\xc3\xa4@x.test"}), "5.6.7");
  Transfer utf8 = transfer_to({"b@x.test"}, "Subject: \xc3\xa4\r\n");
  utf8.options.smtputf8 = true;
  refused(utf8, "5.6.7");
  Transfer utf8_sender = transfer_to({"b@x.test"});
  utf8_sender.options.smtputf8 = true;
  utf8_sender.sender = "j\xc3\xb6rg@mk.test";
  refused(utf8_sender, "5.6.7");
  refused(
      transfer_to({"b@x.test"}, "Content-Type: multipart/signed; boundary=b\r\n\r\n--b\r\n\r\n\xc3\xa4\r\n--b--\r\n"),
      "5.6.3");
  Transfer sender = transfer_to({"b@x.test"});
  sender.sender = "a>\r\nDATA\r\n";
  refused(sender, "5.1.7");
  // Another host may be able to (RFC 8689 4.2.1): this one is left, and says that it will never do.
  Transfer tls = transfer_to({"b@x.test"});
  tls.options.require_tls = true;
  assert_true(p.begin(tls) == Step::kFailed);
  assert_text(p.d.failure().enhanced, "5.7.30");
  assert_true(p.d.failure().final);
}

void an_early_refusal_and_an_unknown_end(void**) {
  const std::string large = "Subject: x\r\n\r\n" + std::string(200 * 1024, 'x');
  Play p;
  hello(p, "250-m\r\n250-PIPELINING\r\n250 8BITMIME\r\n");
  const Transfer t = transfer_to({"b@x.test"}, large);
  p.begin(t);
  p.say("250 ok\r\n250 ok\r\n354 go\r\n");
  assert_true(p.d.send_content() == Step::kWait);
  assert_true(p.d.wants_content());
  assert_true(p.say("552 5.3.4 too much\r\n") == Step::kDone);
  assert_true(p.result(0).outcome == Outcome::kPermanent);
  assert_false(p.d.is_reusable());

  Play q;
  hello(q, "250-m\r\n250-PIPELINING\r\n250 8BITMIME\r\n");
  q.begin(t);
  q.say("250 ok\r\n250 ok\r\n354 go\r\n");
  assert_true(q.d.send_content() == Step::kWait);
  assert_true(q.d.hung_up() == Step::kFailed);
  assert_false(q.d.is_undecided());  // no dot: it cannot have taken the message

  Play r;
  hello(r, "250-m\r\n250-PIPELINING\r\n250 8BITMIME\r\n");
  r.begin(t);
  r.say("250 ok\r\n250 ok\r\n354 go\r\n");
  r.heard();
  const std::string sent = r.content();
  assert_true(sent.ends_with("x\r\n.\r\n"));
  assert_int_equal(sent.size(), large.size() + 5);
  assert_true(r.d.hung_up() == Step::kFailed);
  assert_true(r.d.is_undecided());
}

void nobody_and_354(void**) {
  Play p;
  hello(p);
  const Transfer t = transfer_to({"b@x.test"});
  p.begin(t);
  p.heard();
  assert_true(p.say("250 ok\r\n550 5.1.1 no\r\n354 go\r\n") == Step::kWait);
  assert_text(p.heard(), ".\r\n");
  assert_true(p.say("250 kept nothing\r\n") == Step::kDone);
  assert_true(p.result(0).outcome == Outcome::kPermanent);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      unit_test(a_pipelined_transaction),
      unit_test(one_command_at_a_time),
      unit_test(every_phase_may_fail),
      unit_test(starttls),
      unit_test(auth),
      unit_test(what_a_server_cannot_take),
      unit_test(an_early_refusal_and_an_unknown_end),
      unit_test(nobody_and_354),
  };
  return run_unit_tests(tests);
}
