// queue/bounce.h and queue/schedule.h.
// SPDX-License-Identifier: ISC
#include "queue/bounce.h"

#include "lib/base/text.h"
#include "queue/schedule.h"
#include "regress/unit/unit.h"

using namespace mailkeep;
using namespace mailkeep::queue;

namespace {

size_t count(std::string_view text, std::string_view what) {
  size_t n = 0;
  for (size_t at = text.find(what); at != std::string_view::npos; at = text.find(what, at + 1)) ++n;
  return n;
}

const BounceFacts kFacts = {0x1234, "mx.mk.test", "postmaster@mk.test", 1700000000, 0};

Message sample() {
  Message m;
  m.id = 0xabc;
  m.sender = "bob@example.net";
  m.received = 1699999000;
  m.size = 30;
  return m;
}

void a_report(void**) {
  const std::string original = "Subject: x\r\nFrom: a\r\n\r\nsecret body";
  const std::string text =
      make_bounce(kFacts, sample(), {{"al@mk.test", "alice@mk.test", "5.1.1", "no such\r\nuser", "", 1}}, original);
  assert_int_equal(count(text, "\r\n--=_report_0000000000001234\r\n"), 3);
  assert_true(text.ends_with("\r\n--=_report_0000000000001234--\r\n"));
  assert_int_equal(count(text, "report-type=delivery-status"), 1);
  assert_int_equal(count(text, "\r\nFinal-Recipient: rfc822; al@mk.test\r\n"), 1);
  assert_int_equal(count(text, "\r\nOriginal-Recipient: rfc822; alice@mk.test\r\n"), 1);
  assert_int_equal(count(text, "\r\nStatus: 5.1.1\r\n"), 1);
  assert_int_equal(count(text, "\r\nAction: failed\r\n"), 1);
  assert_int_equal(count(text, "\r\nTo: <bob@example.net>\r\n"), 1);
  assert_int_equal(count(text, "no such user"), 2);  // for people and for machines
  assert_int_equal(count(text, "What to do: There is no such mailbox"), 1);
  assert_int_equal(count(text, "\r\nSubject: x\r\nFrom: a\r\n"), 1);
  assert_int_equal(count(text, "secret body"), 0);
  for (size_t i = 0; i < text.size(); ++i) assert_true(text[i] != '\n' || (i > 0 && text[i - 1] == '\r'));
}

void lines_stay_short(void**) {
  std::string reason;
  for (int i = 0; i < 100; ++i) reason += "word ";
  const std::string text =
      make_bounce(kFacts, sample(), {{"a@b", "a@b", "5.0.0", reason, "mx.b [192.0.2.1]:25", 1}}, "A: b\r\n\r\n");
  for (const std::string_view line : split(text, '\n')) assert_true(line.size() <= 79);
  assert_int_equal(count(text, "\r\nRemote-MTA: dns; mx.b\r\nDiagnostic-Code: smtp; word"), 1);
}

void small_originals_come_back_whole(void**) {
  BounceFacts facts = kFacts;
  facts.max_original = 1000;
  Message m = sample();
  const std::string original = "Subject: \xc3\xa4\r\n\r\nbody\r\n--=_report_0000000000001234\r\n";
  m.size = original.size();
  const std::string text = make_bounce(facts, m, {{"a@b", "a@b", "5.0.0", "x", "", 1}}, original);
  assert_int_equal(count(text, "message/rfc822"), 1);
  assert_int_equal(count(text, original), 1);
  assert_int_equal(count(text, "8bit"), 2);
  assert_true(text.ends_with("\r\n--=_report_00000000000012340--\r\n"));
}

void the_other_actions(void**) {
  Message m = sample();
  m.options.envid = "QQ+3D314";
  m.options.ret = Ret::kFull;
  BounceFacts facts = kFacts;
  facts.max_original = 1000;
  const std::string original = "Subject: x\r\n\r\nsecret body";
  m.size = original.size();
  Notice n{"al@mk.test",
           "alice@mk.test",
           "4.2.2",
           "host: 452 4.2.2 full",
           "",
           3,
           Action::kDelayed,
           "rfc822;Alice+2BX@mk.test",
           1700003600};
  const std::string delayed = make_bounce(facts, m, {n}, original);
  assert_int_equal(count(delayed, "\r\nOriginal-Envelope-Id: QQ=314\r\n"), 1);
  assert_int_equal(count(delayed, "\r\nOriginal-Recipient: rfc822; Alice+X@mk.test\r\n"), 1);
  assert_int_equal(count(delayed, "\r\nAction: delayed\r\n"), 1);
  assert_int_equal(count(delayed, "\r\nWill-Retry-Until: "), 1);
  assert_int_equal(count(delayed, "Subject: Delayed mail"), 1);
  assert_int_equal(count(delayed, "do not send it again"), 1);
  assert_int_equal(count(delayed, "secret body"), 0);  // nothing is lost: RET is about failures
  n.action = Action::kFailed;
  assert_int_equal(count(make_bounce(facts, m, {n}, original), "secret body"), 1);
  m.options.ret = Ret::kHeaders;
  assert_int_equal(count(make_bounce(facts, m, {n}, original), "secret body"), 0);
  n = {"al@mk.test", "alice@mk.test", "2.1.5", "", "", 1, Action::kDelivered, "", 0};
  const std::string delivered = make_bounce(facts, m, {n}, original);
  assert_int_equal(count(delivered, "\r\nAction: delivered\r\nStatus: 2.1.5\r\n"), 1);
  assert_int_equal(count(delivered, "Subject: Delivered mail"), 1);
  assert_int_equal(count(delivered, "Diagnostic-Code"), 0);
  n.action = Action::kRelayed;
  assert_int_equal(count(make_bounce(facts, m, {n}, original), "Action: relayed"), 1);
  n.action = Action::kExpanded;
  assert_int_equal(count(make_bounce(facts, m, {n}, original), "Action: expanded"), 1);
}

void in_utf8_when_the_sender_can(void**) {
  const Notice n{
      "gr\xc3\xbc@mk.test", "gr\xc3\xbc@mk.test", "5.1.1", "no such us\xc3\xa9r", "", 1, Action::kFailed, "", 0};
  Message m = sample();
  const std::string ascii = make_bounce(kFacts, m, {n}, "A: b\r\n\r\n");
  assert_int_equal(count(ascii, "\r\nFinal-Recipient: utf-8; gr\\x{FC}@mk.test\r\n"), 1);
  for (const char c : ascii) assert_true(static_cast<unsigned char>(c) < 128);
  assert_int_equal(count(ascii, "Content-Type: message/delivery-status"), 1);
  m.options.smtputf8 = true;
  const std::string utf8 = make_bounce(kFacts, m, {n}, "A: \xc3\xa4\r\n\r\n");
  assert_int_equal(count(utf8, "\r\nFinal-Recipient: utf-8; gr\xc3\xbc@mk.test\r\n"), 1);
  assert_int_equal(count(utf8, "Content-Type: message/global-delivery-status\r\nContent-Transfer-Encoding: 8bit\r\n"),
                   1);
  assert_int_equal(count(utf8, "Content-Type: message/global-headers"), 1);
}

void what_is_wanted(void**) {
  const auto says = [](uint8_t notify, Action action) {
    RcptOptions o;
    o.notify = notify;
    return wants(o, action);
  };
  assert_true(says(0, Action::kFailed) && says(0, Action::kDelayed));
  assert_false(says(0, Action::kDelivered) || says(0, Action::kRelayed));
  assert_false(says(kNotifyNever, Action::kFailed) || says(kNotifyNever, Action::kDelayed));
  assert_true(says(kNotifySuccess, Action::kDelivered) && says(kNotifySuccess, Action::kRelayed));
  assert_false(says(kNotifySuccess, Action::kFailed) || says(kNotifyFailure, Action::kDelayed));
  Message m = sample();
  m.protocol = Protocol::kEsmtps;
  m.source = "192.0.2.1";
  assert_true(is_from_stranger(m));
  for (const char* near : {"local", "127.0.0.1", "::1"}) {
    m.source = near;
    assert_false(is_from_stranger(m));
  }
  m.source = "192.0.2.1";
  m.account = "alice";
  assert_false(is_from_stranger(m));
  m.account = "";
  m.protocol = Protocol::kLmtp;
  assert_false(is_from_stranger(m));
}

void the_next_try(void**) {
  const RetryPolicy policy{60, 3600, 86400, 300};
  Envelope e;
  e.id = {77, 1};
  e.attempts = 20;
  e.expiry = 90000;
  assert_true(next_try_of(policy, e, 1000) >= 4600);
  e.warn_at = 2000;
  assert_int_equal(next_try_of(policy, e, 1000), 2000);
  e.expiry = 1500;
  assert_int_equal(next_try_of(policy, e, 1000), 1500);
  assert_true(next_try_of(policy, e, 2000) >= 5600);
  assert_int_equal(next_probe(policy, 20, 1000), 1300);
  assert_true(next_probe(policy, 1, 1000) < 1070);
}

void bounces_never_bounce(void**) {
  Message m = sample();
  assert_true(may_bounce(m));
  m.is_bounce = true;
  assert_false(may_bounce(m));
  m = sample();
  m.sender = "";
  assert_false(may_bounce(m));
}

void intervals_double_up_to_the_longest(void**) {
  const RetryPolicy policy{60, 3600, 86400};
  const EnvelopeId id{77, 1};
  int64_t last = 0;
  for (uint32_t attempt = 1; attempt < 100; ++attempt) {
    const int64_t wait = next_try(policy, id, attempt, 1000) - 1000;
    assert_true(wait >= last && wait >= 60 && wait <= 3960);
    last = wait;
  }
  assert_true(last >= 3600);
  assert_true(next_try(policy, id, 2, 0) >= 120);
  assert_true(next_try({0, 0, 0}, id, 5, 10) > 10);
  Envelope e;
  e.expiry = expiry_of(policy, 1000);
  assert_false(is_expired(e, 87399));
  assert_true(is_expired(e, 87400));
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {unit_test(a_report),
                              unit_test(lines_stay_short),
                              unit_test(small_originals_come_back_whole),
                              unit_test(the_other_actions),
                              unit_test(in_utf8_when_the_sender_can),
                              unit_test(what_is_wanted),
                              unit_test(the_next_try),
                              unit_test(bounces_never_bounce),
                              unit_test(intervals_double_up_to_the_longest)};
  return run_unit_tests(tests);
}
