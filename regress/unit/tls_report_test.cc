// smtpd/relay/tls_report.h: what is counted, and the report of it.
// SPDX-License-Identifier: ISC
#include "smtpd/relay/tls_report.h"

#include <algorithm>

#include "regress/unit/unit.h"

using namespace mailkeep;
using namespace mailkeep::relay;

namespace {

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

void counts(void**) {
  std::map<std::string, DomainReport> all;
  TlsPolicy dane;
  dane.authority = Authority::kDane;
  dane.associations = {{3, 1, 1, "\x01\xff"}};
  const StsPolicy sts = {StsMode::kEnforce, {"mx.s.test"}};
  count_good(all["d.test"], dane, nullptr);
  for (int i = 0; i < 2; i++)
    count_bad(all["d.test"], dane, nullptr, {"validation-failure", "mx.d.test", "no \"fit\"\r\n"});
  count_good(all["s.test"], TlsPolicy(), &sts);
  count_good(all["n.test"], TlsPolicy(), nullptr);
  for (int i = 0; i < 1000; i++) count_bad(all["n.test"], TlsPolicy(), nullptr, {"t", std::to_string(i), ""});
  assert_text(all["d.test"].policy_type, "tlsa");
  assert_text(all["s.test"].policy_type, "sts");
  assert_text(all["n.test"].policy_type, "no-policy-found");
  assert_true(all["n.test"].failures.size() <= kMaxFailureKinds);
  const std::string json = report_json({"mx.mk.test", 1'700'000'000, 1'700'086'400}, "d.test", all["d.test"]);
  for (const std::string part :
       {"\"policy-type\":\"tlsa\"", "\"policy-string\":[\"3 1 1 01ff\"]", "\"total-successful-session-count\":1",
        "\"total-failure-session-count\":2", "\"failed-session-count\":2",
        "\"start-datetime\":\"2023-11-14T22:13:20Z\"", "\"receiving-mx-hostname\":\"mx.d.test\"", "no \\\"fit"}) {
    if (!has(json, part)) fail_msg("%s lacks %s", json.c_str(), part.c_str());
  }
  assert_int_equal(std::count(json.begin(), json.end(), '\n'), 1);
  assert_true(has(report_json({"m", 0, 1}, "s.test", all["s.test"]), "\"mx-host\":[\"mx.s.test\"]"));
}

void mail(void**) {
  const auto m = report_mail({"mx.mk.test", 1'700'000'000, 1'700'086'400}, "d.test", "a@d.test", "{}\n");
  assert_true(m.has_value());
  for (const std::string part : {"To: <a@d.test>\r\n", "TLS-Report-Domain: d.test\r\n", "report-type=\"tlsrpt\"",
                                 "application/tlsrpt+gzip", "H4sI"}) {
    if (!has(*m, part)) fail_msg("%s lacks %s", m->c_str(), part.c_str());
  }
  for (size_t i = 0; i < m->size(); i++) assert_true((*m)[i] != '\n' || (i > 0 && (*m)[i - 1] == '\r'));
  std::string noise;
  uint64_t x = 1;
  for (int i = 0; i < 100'000; i++)
    noise += static_cast<char>((x = x * 6364136223846793005ULL + 1442695040888963407ULL) >> 56);
  assert_false(report_mail({"mx.mk.test", 0, 1}, "d.test", "a@d.test", noise).has_value());
}

void types(void**) {
  assert_text(report_type(tls::Problem::kExpired), "certificate-expired");
  assert_text(report_type(tls::Problem::kAssociation), "validation-failure");
  assert_text(report_type(Objection{false, "4.4.3", ""}, Authority::kDane), "dnssec-invalid");
  assert_text(report_type(Objection{false, "4.7.5", ""}, Authority::kSts), "validation-failure");
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {unit_test(counts), unit_test(mail), unit_test(types)};
  return run_unit_tests(tests);
}
