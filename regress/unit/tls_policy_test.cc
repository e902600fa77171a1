// smtpd/relay/policy.h: who decides about TLS, and what; a row a case.
// SPDX-License-Identifier: ISC
#include "smtpd/relay/policy.h"

#include "regress/unit/unit.h"

using namespace mailkeep;
using namespace mailkeep::relay;
using lookup::TlsaState;

namespace {

lookup::Tlsa tlsa(uint8_t usage, uint8_t selector, uint8_t matching, size_t bytes) {
  return {usage, selector, matching, std::string(bytes, 'd')};
}

lookup::Hop hop(TlsaState state = TlsaState::kNone, std::vector<lookup::Tlsa> records = {}) {
  lookup::Hop h;
  h.name = "mx.d.test";
  h.addresses = {"192.0.2.1"};
  h.tlsa_state = state;
  h.tlsa = std::move(records);
  if (state == TlsaState::kSecure) h.tlsa_base = h.name;
  return h;
}

TlsRule rule(Tls tls, std::vector<std::string> names = {}, std::vector<std::string> fingerprints = {}) {
  TlsRule r;
  r.pattern = "d.test";
  r.tls = tls;
  r.names = std::move(names);
  r.fingerprints = std::move(fingerprints);
  return r;
}

const lookup::Hop kPlain = hop(), kFailed = hop(TlsaState::kFailed),
                  kDane = hop(TlsaState::kSecure, {tlsa(3, 1, 1, 32)}),
                  kUnusable = hop(TlsaState::kSecure, {tlsa(1, 1, 1, 32), tlsa(3, 1, 1, 31), tlsa(3, 2, 1, 32),
                                                       tlsa(3, 1, 3, 32), tlsa(3, 0, 0, 0)});
const TlsRule kRuleNone = rule(Tls::kNone), kRuleMay = rule(Tls::kMay), kRuleEncrypt = rule(Tls::kEncrypt),
              kRuleVerify = rule(Tls::kVerify), kRuleMatch = rule(Tls::kVerify, {"a.test", "b.test"}),
              kRulePin = rule(Tls::kVerify, {}, {std::string(32, 'f')});
const StsPolicy kEnforce = {StsMode::kEnforce, {"*.d.test"}}, kElsewhere = {StsMode::kEnforce, {"mx.other.test"}},
                kTesting = {StsMode::kTesting, {"mx.other.test"}}, kNoSts = {StsMode::kNone, {}};

struct Row {
  const char* what;
  Tls action;
  const TlsRule* rule;
  const lookup::Hop* hop;
  const StsPolicy* sts;
  bool learned;
  bool require_tls;
  bool mx_secure;
  // comes to
  Tls tls;
  tls::Check check;
  Authority authority;
  const char* objection;  // enhanced code; "": none
};

using C = tls::Check;
using A = Authority;
const Row kRows[] = {
    {"nothing", Tls::kMay, nullptr, &kPlain, nullptr, false, false, false, Tls::kMay, C::kNone, A::kAction, ""},
    {"an address", Tls::kEncrypt, nullptr, nullptr, nullptr, false, false, false, Tls::kEncrypt, C::kNone, A::kAction,
     ""},
    {"action verify", Tls::kVerify, nullptr, &kPlain, nullptr, false, false, false, Tls::kVerify, C::kAuthority,
     A::kAction, ""},
    // the list decides alone
    {"list none", Tls::kVerify, &kRuleNone, &kDane, &kEnforce, true, false, true, Tls::kNone, C::kNone, A::kList, ""},
    {"list may", Tls::kMay, &kRuleMay, &kFailed, nullptr, false, false, true, Tls::kMay, C::kNone, A::kList, ""},
    {"list encrypt", Tls::kMay, &kRuleEncrypt, &kPlain, nullptr, false, false, false, Tls::kEncrypt, C::kNone, A::kList,
     ""},
    {"list verify", Tls::kNone, &kRuleVerify, &kDane, nullptr, false, false, true, Tls::kVerify, C::kAuthority,
     A::kList, ""},
    {"list match", Tls::kNone, &kRuleMatch, &kPlain, &kElsewhere, false, false, false, Tls::kVerify, C::kAuthority,
     A::kList, ""},
    {"list pin", Tls::kMay, &kRulePin, &kPlain, nullptr, false, false, false, Tls::kVerify, C::kAssociations, A::kList,
     ""},
    // DANE
    {"DANE", Tls::kNone, nullptr, &kDane, nullptr, false, false, true, Tls::kVerify, C::kAssociations, A::kDane, ""},
    {"DANE before MTA-STS", Tls::kMay, nullptr, &kDane, &kElsewhere, false, false, true, Tls::kVerify, C::kAssociations,
     A::kDane, ""},
    {"DANE unusable", Tls::kMay, nullptr, &kUnusable, &kElsewhere, true, false, true, Tls::kEncrypt, C::kNone, A::kDane,
     ""},
    {"DANE unusable, action verify", Tls::kVerify, nullptr, &kUnusable, nullptr, false, false, true, Tls::kVerify,
     C::kAuthority, A::kAction, ""},
    {"DANE failed", Tls::kNone, nullptr, &kFailed, &kEnforce, false, false, true, Tls::kMay, C::kNone, A::kDane,
     "4.4.3"},
    // MTA-STS
    {"enforce", Tls::kNone, nullptr, &kPlain, &kEnforce, false, false, false, Tls::kVerify, C::kAuthority, A::kSts, ""},
    {"enforce, not its host", Tls::kMay, nullptr, &kPlain, &kElsewhere, false, false, false, Tls::kVerify,
     C::kAuthority, A::kSts, "4.7.5"},
    {"testing", Tls::kMay, nullptr, &kPlain, &kTesting, false, false, false, Tls::kMay, C::kNone, A::kAction, ""},
    {"mode none", Tls::kEncrypt, nullptr, &kPlain, &kNoSts, false, false, false, Tls::kEncrypt, C::kNone, A::kAction,
     ""},
    // learned
    {"learned", Tls::kMay, nullptr, &kPlain, nullptr, true, false, false, Tls::kVerify, C::kAuthority, A::kLearned, ""},
    {"learned, action none", Tls::kNone, nullptr, &kPlain, nullptr, true, false, false, Tls::kNone, C::kNone,
     A::kAction, ""},
    // REQUIRETLS
    {"required", Tls::kMay, nullptr, &kPlain, nullptr, false, true, true, Tls::kVerify, C::kAuthority, A::kMessage, ""},
    {"required, MX of anybody", Tls::kMay, nullptr, &kPlain, nullptr, false, true, false, Tls::kVerify, C::kAuthority,
     A::kMessage, "5.7.10"},
    {"required, MTA-STS", Tls::kMay, nullptr, &kPlain, &kEnforce, false, true, false, Tls::kVerify, C::kAuthority,
     A::kSts, ""},
    {"required, DANE", Tls::kMay, nullptr, &kDane, nullptr, false, true, true, Tls::kVerify, C::kAssociations, A::kDane,
     ""},
    {"required, list none", Tls::kMay, &kRuleNone, &kPlain, nullptr, false, true, true, Tls::kVerify, C::kAuthority,
     A::kMessage, ""},
    {"required, unusable", Tls::kMay, nullptr, &kUnusable, nullptr, false, true, true, Tls::kVerify, C::kAuthority,
     A::kMessage, ""},
    {"required, pin", Tls::kMay, &kRulePin, &kPlain, nullptr, false, true, true, Tls::kVerify, C::kAssociations,
     A::kList, ""},
};

void who_decides(void**) {
  for (const Row& r : kRows) {
    PolicyInput in;
    in.domain = "d.test";
    in.host = r.hop == nullptr ? "192.0.2.1" : r.hop->name;
    in.by_mx = r.hop != nullptr;
    in.mx_secure = r.mx_secure;
    in.action = r.action;
    in.require_tls = r.require_tls;
    in.rule = r.rule;
    in.hop = r.hop;
    in.sts = r.sts;
    in.is_learned = r.learned;
    const Decision d = decide_tls(in);
    const std::string objection = d.objection ? d.objection->enhanced : "";
    if (d.policy.tls != r.tls || d.policy.check != r.check || d.policy.authority != r.authority ||
        objection != r.objection) {
      fail_msg("%s: %s, objection %s", r.what, describe(d.policy).c_str(), objection.c_str());
    }
    assert_false(d.policy.reason.empty());
    // What is to be verified can be, and nothing verified may go in the clear.
    if (r.check != C::kNone) assert_true(d.policy.tls == Tls::kVerify);
    if (r.check == C::kAuthority) assert_false(d.policy.names.empty());
    if (r.check == C::kAssociations) assert_false(d.policy.associations.empty());
    if (d.objection) assert_int_equal(d.objection->is_final, objection[0] == '5');
  }
}

void names(void**) {
  PolicyInput in;
  in.domain = "d.test";
  in.host = "mx.d.test";
  lookup::Hop h = hop(TlsaState::kSecure, {tlsa(2, 0, 1, 32)});
  h.tlsa_base = "end.test";
  in.hop = &h;
  in.mx_secure = true;
  Decision d = decide_tls(in);
  assert_text(d.policy.servername, "end.test");
  assert_true(d.policy.names == (std::vector<std::string>{"end.test", "mx.d.test", "d.test"}));
  in.mx_secure = false;  // then anybody may say that this is the domain's host
  d = decide_tls(in);
  assert_true(d.policy.names == (std::vector<std::string>{"end.test", "mx.d.test"}));
  in.rule = &kRuleMatch;
  d = decide_tls(in);
  assert_text(d.policy.servername, "mx.d.test");
  assert_true(d.policy.names == kRuleMatch.names);
  in.rule = &kRulePin;
  d = decide_tls(in);
  assert_int_equal(d.policy.associations.size(), 2);  // the certificate's or the key's
  assert_text(describe(d.policy), "fingerprint by tls-policy (entry d.test)");
}

void usable(void**) {
  assert_int_equal(
      usable_associations({tlsa(0, 1, 1, 32), tlsa(1, 1, 1, 32), tlsa(4, 1, 1, 32), tlsa(255, 1, 1, 32)}).size(), 0);
  assert_int_equal(usable_associations({tlsa(2, 0, 0, 10), tlsa(2, 1, 2, 64), tlsa(3, 0, 1, 32)}).size(), 3);
  // RFC 7671 9: the stronger digest alone, of the same usage and selector.
  const auto agile = usable_associations({tlsa(3, 1, 1, 32), tlsa(3, 1, 2, 64), tlsa(3, 0, 1, 32), tlsa(3, 1, 0, 91)});
  assert_int_equal(agile.size(), 3);
  assert_int_equal(agile[0].matching, 2);
  // One that is no such digest does not count as the stronger.
  assert_int_equal(usable_associations({tlsa(3, 1, 1, 32), tlsa(3, 1, 2, 63)}).size(), 1);
  assert_true(usable_associations(std::vector<lookup::Tlsa>(40, tlsa(3, 1, 1, 32))).size() <=
              mailkeep::tls::kMaxAssociations);
}

void sts_hosts(void**) {
  const StsPolicy p = {StsMode::kEnforce, {"mx.d.test", "*.x.test"}};
  for (const char* yes : {"mx.d.test", "MX.D.test", "a.x.test"}) assert_true(sts_matches(p, yes));
  for (const char* no : {"d.test", "a.mx.d.test", "x.test", "a.b.x.test", ".x.test", "", "ax.test"})
    assert_false(sts_matches(p, no));
}

void the_nearest_entry(void**) {
  TlsList list;
  for (const char* pattern : {"*.test", "*.d.test", "x.d.test"}) {
    TlsRule r = rule(Tls::kEncrypt);
    r.pattern = pattern;
    list.add(std::move(r));
  }
  assert_text(list.find("x.d.test")->pattern, "x.d.test");
  assert_text(list.find("y.d.test")->pattern, "*.d.test");
  assert_text(list.find("z.y.d.test")->pattern, "*.d.test");
  assert_text(list.find("d.test")->pattern, "*.test");
  assert_null(list.find("test"));
  assert_null(list.find(""));
  assert_null(list.find("xtest"));
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {unit_test(who_decides), unit_test(names), unit_test(usable), unit_test(sts_hosts),
                              unit_test(the_nearest_entry)};
  return run_unit_tests(tests);
}
