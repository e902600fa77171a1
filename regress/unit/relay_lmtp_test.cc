// smtpd/relay's dialog with an LMTP server (RFC 2033).
// SPDX-License-Identifier: ISC
#include "regress/unit/relay_play.h"

namespace {

const std::string kLmtp = "250-lmtp.test\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 ENHANCEDSTATUSCODES\r\n";

void lmtp_hello(Play& p) {
  assert_true(p.say("220 lmtp.test ready\r\n") == Step::kWait);
  assert_text(p.heard(), "LHLO mk.test\r\n");
  assert_true(p.say(kLmtp) == Step::kReady);
}

// RFC 2033 4.2: after the dot, one reply for each recipient that was accepted, in their order.
void lmtp_answers_for_each(void**) {
  for (const bool cut : {false, true}) {
    Play p({.lmtp = true});
    p.cut = cut;
    lmtp_hello(p);
    const Transfer four = transfer_to({"ann", "nobody", "b@x.test", "carl"}), one = transfer_to({"ann"});
    assert_true(p.begin(four) == Step::kWait);
    assert_text(p.heard(),
                "MAIL FROM:<a@mk.test>\r\nRCPT TO:<ann>\r\nRCPT TO:<nobody>\r\nRCPT TO:<b@x.test>\r\nRCPT "
                "TO:<carl>\r\nDATA\r\n");
    assert_true(p.say("250 ok\r\n250 ok\r\n550 5.1.1 who\r\n250 ok\r\n250 ok\r\n354 go\r\n") == Step::kWait);
    assert_text(p.content(), kStuffed);
    assert_true(p.d.awaits_final());
    assert_true(p.say("250 2.1.5 kept\r\n") == Step::kWait);
    assert_true(p.d.awaits_final());
    assert_true(p.say("452 4.2.2 full\r\n") == Step::kWait);
    assert_true(p.say("552 5.2.2 over quota\r\n") == Step::kDone);
    assert_true(p.result(0).outcome == Outcome::kDelivered && p.result(1).outcome == Outcome::kPermanent);
    assert_true(p.result(2).outcome == Outcome::kTemporary && p.result(3).outcome == Outcome::kPermanent);
    assert_text(p.result(2).enhanced + p.result(3).enhanced + p.result(1).text, "4.2.25.2.2who");
    assert_int_equal(p.result(3).number, 13);
    assert_true(p.d.is_reusable());
    // The next one on the same connection.
    assert_true(p.begin(one) == Step::kWait);
    assert_true(p.say("250 ok\r\n250 ok\r\n354 go\r\n") == Step::kWait);
    p.content();
    assert_true(p.say("250 ok\r\n") == Step::kDone);
  }
}

void lmtp_that_breaks(void**) {
  const Transfer two = transfer_to({"ann", "ben"});
  const auto at_final = [&two](Play& p) {
    lmtp_hello(p);
    p.begin(two);
    p.say("250 ok\r\n250 ok\r\n250 ok\r\n354 go\r\n");
    p.content();
    assert_true(p.say("250 2.1.5 kept\r\n") == Step::kWait);
  };
  Play gone({.lmtp = true});  // between two replies: what was said holds, the rest is not known
  at_final(gone);
  assert_true(gone.d.hung_up() == Step::kFailed);
  assert_true(gone.d.is_undecided() && gone.result(0).outcome == Outcome::kDelivered && !gone.d.results()[1]);
  Play closing({.lmtp = true});
  at_final(closing);
  assert_true(closing.say("421 4.3.2 going down\r\n") == Step::kDone);
  assert_true(closing.result(0).outcome == Outcome::kDelivered && closing.result(1).outcome == Outcome::kTemporary);
  assert_false(closing.d.is_reusable());
  Play smtp({.lmtp = true});  // no HELO to fall back on
  smtp.say("220 hi\r\n");
  smtp.heard();
  assert_true(smtp.say("500 5.5.1 what\r\n") == Step::kFailed);
  assert_text(smtp.heard(), "");
  assert_true(smtp.d.failure().text.starts_with("LHLO: "));
  Play nobody({.lmtp = true});
  lmtp_hello(nobody);
  nobody.begin(transfer_to({"ann"}));
  assert_true(nobody.say("250 ok\r\n550 no\r\n503 5.5.1 nobody\r\n") == Step::kDone);
  assert_true(nobody.result(0).outcome == Outcome::kPermanent && nobody.d.is_reusable());
  Play wrong({.lmtp = true});  // it would answer the dot with nothing
  lmtp_hello(wrong);
  wrong.begin(transfer_to({"ann"}));
  assert_true(wrong.say("250 ok\r\n550 no\r\n354 go\r\n") == Step::kFailed);
  assert_true(wrong.result(0).outcome == Outcome::kPermanent && !wrong.d.is_undecided());
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {unit_test(lmtp_answers_for_each), unit_test(lmtp_that_breaks)};
  return run_unit_tests(tests);
}
