// SMTP TLS reporting (RFC 8460): what TLS sessions with a domain's hosts came to, and the report of it that the domain asks for in
// the TXT record of _smtp._tls. Pure; counts are in memory alone: a restart loses those of the time since the last report.
// Run by relay. Trusts nothing of the record but that it is an address to send to.
// SPDX-License-Identifier: ISC
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/base/result.h"
#include "smtpd/relay/policy.h"

namespace mailkeep::relay {

constexpr size_t kMaxReported = 5000;     // domains
constexpr size_t kMaxFailureKinds = 100;  // of one domain
constexpr size_t kMaxRua = 4;             // addresses of one domain
constexpr size_t kMaxReportMail = 60 * 1024;

struct ReportFailure {
  std::string type;  // RFC 8460 4.3: "certificate-expired"
  std::string host;  // the MX
  std::string text;
  auto operator<=>(const ReportFailure&) const = default;
};

struct DomainReport {
  std::string policy_type;          // "tlsa", "sts", "no-policy-found"
  std::vector<std::string> policy;  // as the domain wrote it
  std::vector<std::string> hosts;   // of its MTA-STS policy
  uint64_t good = 0;
  std::map<ReportFailure, uint64_t> failures;
};

std::string_view report_type(tls::Problem problem);
// The failure that a refusal of decide_tls() is.
std::string_view report_type(const Objection& objection, Authority authority);

class TlsReports {
 public:
  // `policy` is the domain's as this session saw it.
  void good(const std::string& domain, const TlsPolicy& policy, const StsPolicy* sts);
  void bad(const std::string& domain, const TlsPolicy& policy, const StsPolicy* sts, ReportFailure failure);
  std::map<std::string, DomainReport> take() { return std::exchange(domains_, {}); }
  size_t size() const { return domains_.size(); }

 private:
  DomainReport* find(const std::string& domain, const TlsPolicy& policy, const StsPolicy* sts);
  std::map<std::string, DomainReport> domains_;
};

// The mailto: addresses of the one record of version TLSRPTv1; https: ones are not served.
std::vector<std::string> parse_rua(const std::vector<std::string>& texts);

struct ReportFacts {
  std::string hostname;  // ours
  int64_t from = 0;      // seconds since 1970
  int64_t until = 0;
};
std::string report_json(const ReportFacts& facts, const std::string& domain, const DomainReport& report);
// The mail (RFC 8460 5.3) with that, by gzip. EMSGSIZE: it would be more than kMaxReportMail.
mailkeep::Result<std::string> report_mail(const ReportFacts& facts, const std::string& domain, const std::string& to,
                                          const std::string& json);

}  // namespace mailkeep::relay
