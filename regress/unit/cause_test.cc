// lib/smtp/cause.h: replies as large receivers and common servers word them, and our own failures.
// SPDX-License-Identifier: ISC
#include "lib/smtp/cause.h"

#include <set>

#include "regress/unit/unit.h"

using namespace mailkeep::smtp;

namespace {

struct Row {
  uint16_t code;
  const char* enhanced;
  const char* text;
  Cause cause;
};

constexpr Row kRows[] = {
    // the code is clear: the words do not matter
    {550, "5.1.1", "spam", Cause::kMailboxUnknown},
    {552, "5.2.2", "The email account that you tried to reach is over quota", Cause::kMailboxFull},
    {552, "5.3.4", "", Cause::kSize},
    {550, "5.7.26", "Unauthenticated email from example.org is not accepted due to domain's DMARC policy",
     Cause::kAuthentication},
    {550, "5.7.23", "The message was rejected because of Sender Policy Framework violation", Cause::kAuthentication},
    {550, "5.1.10", "recipient not found by SMTP address lookup", Cause::kRouting},
    {530, "5.7.10", "", Cause::kTls},
    // the code says little, the words do
    {450, "4.2.0", "<a@b>: Recipient address rejected: Greylisted, see http://postgrey.schweikert.ch/",
     Cause::kGreylisted},
    {451, "4.7.1", "Greylisting in action, please come back later", Cause::kGreylisted},
    {421, "4.7.0", "Our system has detected an unusual rate of unsolicited mail", Cause::kRateLimited},
    {450, "4.2.1", "The user you are trying to contact is receiving mail too quickly", Cause::kRateLimited},
    {421, "4.7.0", "[TSS04] Messages from 192.0.2.1 temporarily deferred due to user complaints", Cause::kReputation},
    {554, "5.7.1", "Service unavailable; Client host [192.0.2.1] blocked using zen.spamhaus.org", Cause::kBlocklisted},
    {550, "5.7.606", "Access denied, banned sending IP [192.0.2.1]", Cause::kBlocklisted},
    {550, "5.4.1", "Recipient address rejected: Access denied.", Cause::kMailboxUnknown},
    {554, "5.7.1", "<a@b>: Relay access denied", Cause::kRelayDenied},
    {554, "5.7.1", "Message rejected as spam by Content Filtering.", Cause::kSpam},
    {550, "5.7.1", "Our system has detected that this message is likely unsolicited mail.", Cause::kSpam},
    {550, "5.7.1", "rejected because of local policy", Cause::kReputation},
    {554, "", "5.2.0 mailbox is full", Cause::kMailboxFull},
    {550, "5.0.0", "No such user here", Cause::kMailboxUnknown},
    {550, "", "Administrative prohibition: access denied", Cause::kReputation},
    {530, "5.7.0", "Must issue a STARTTLS command first", Cause::kTls},
    {550, "", "Sender verify failed", Cause::kSender},
    {450, "4.7.25", "Client host rejected: cannot find your reverse hostname", Cause::kAuthentication},
    {550, "5.7.0", "SPF check failed", Cause::kAuthentication},
    {452, "4.3.1", "Insufficient system storage", Cause::kServerTrouble},
    {550, "5.2.1", "The email account that you tried to reach is disabled", Cause::kMailboxDisabled},
    {452, "4.5.3", "Too many recipients", Cause::kRateLimited},
    // words that only look like others
    {550, "", "User unfspfoo unknown user", Cause::kMailboxUnknown},
    // neither
    {451, "", "\xff\x01", Cause::kServerTrouble},
    {550, "", "", Cause::kMailboxUnknown},
    {552, "", "", Cause::kSize},
    {503, "5.5.1", "", Cause::kProtocol},
    {554, "", "", Cause::kUnclear},
    {554, "5.7.1", "", Cause::kReputation},
    {550, "9.9.9", "?", Cause::kMailboxUnknown},
    // ours
    {0, "4.4.1", "mx.example.net connection refused", Cause::kUnreachable},
    {0, "4.4.2", "no answer within 300 s when the answer to STARTTLS was expected", Cause::kUnreachable},
    {0, "4.4.3", "looking for the mail hosts of x: timed out", Cause::kRouting},
    {0, "4.7.4", "TLS is required, but it does not offer STARTTLS", Cause::kTls},
    {0, "4.7.5", "TLS: certificate has expired", Cause::kTls},
    {0, "5.4.6", "mail for x loops back to this server", Cause::kRouting},
};

void replies(void**) {
  for (const Row& r : kRows) {
    const Cause got = classify(r.code, r.enhanced, r.text);
    if (got != r.cause) {
      fail_msg("%u %s %s: %s, expected %s", r.code, r.enhanced, r.text, std::string(cause_name(got)).c_str(),
               std::string(cause_name(r.cause)).c_str());
    }
  }
}

void words_of_an_envelope(void**) {
  assert_true(classify_words("mx.example.net [192.0.2.1]:25: 450 4.2.0 Greylisted, come back") == Cause::kGreylisted);
  assert_true(classify_words("mx.example.net [2001:db8::1]:25: 550 5.1.1 nobody") == Cause::kMailboxUnknown);
  assert_true(classify_words("4.4.1 mx.example.net timed out") == Cause::kUnreachable);
  assert_true(classify_words("550 5.7.1 blocked using zen.spamhaus.org") == Cause::kBlocklisted);
  assert_true(classify_words("552 too big: message size") == Cause::kSize);
  assert_true(classify_words("") == Cause::kUnclear);
  assert_true(classify_words("550") == Cause::kMailboxUnknown);
  assert_true(classify_words("5.1.1") == Cause::kMailboxUnknown);
  assert_true(classify_words("[]:") == Cause::kUnclear);
}

void each_has_words(void**) {
  std::set<std::string_view> names;
  for (unsigned i = 0; i <= static_cast<unsigned>(kLastCause); ++i) {
    const auto c = static_cast<Cause>(i);
    assert_true(names.insert(cause_name(c)).second);
    assert_int_equal(advice(c).empty(), c == Cause::kUnclear);
    assert_true(operator_advice(c).ends_with("."));
    assert_true(advice(c).empty() || advice(c).ends_with("."));
  }
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {unit_test(replies), unit_test(words_of_an_envelope), unit_test(each_has_words)};
  return run_unit_tests(tests);
}
