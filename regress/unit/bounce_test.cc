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
  const std::string text = make_bounce(kFacts, sample(), {{"al@mk.test", "alice@mk.test", "5.1.1", "no such\r\nuser", "", 1}}, original);
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
  const std::string text = make_bounce(kFacts, sample(), {{"a@b", "a@b", "5.0.0", reason, "mx.b [192.0.2.1]:25", 1}}, "A: b\r\n\r\n");
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
  const CMUnitTest tests[] = {unit_test(a_report), unit_test(lines_stay_short), unit_test(small_originals_come_back_whole),
                              unit_test(bounces_never_bounce), unit_test(intervals_double_up_to_the_longest)};
  return run_unit_tests(tests);
}
