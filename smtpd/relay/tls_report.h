// SMTP TLS reporting (RFC 8460): what TLS sessions with a domain's hosts came to, and the report of it. Whom it goes
// to: report_uri.h; when: report_book.h. Pure. Run by relay.
// SPDX-License-Identifier: ISC
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/result.h"
#include "smtpd/relay/policy.h"

namespace mailkeep::relay {

constexpr size_t kMaxFailureKinds = 100;        // of one domain
constexpr size_t kMaxFailureBytes = 30 * 1024;  // all of them
constexpr size_t kMaxPolicyLines = 100;         // and as many hosts
constexpr size_t kMaxPolicyBytes = 8 * 1024;    // and as much of hosts
constexpr size_t kMaxPolicyType = 64;
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

// Of one session; `policy` is the domain's as it saw it.
void count_good(DomainReport& report, const TlsPolicy& policy, const StsPolicy* sts);
void count_bad(DomainReport& report, const TlsPolicy& policy, const StsPolicy* sts, ReportFailure failure);

struct ReportFacts {
  std::string hostname;  // ours
  int64_t from = 0;      // seconds since 1970
  int64_t until = 0;
};
// Cuts what is longer than the limits.
void clip_policy(DomainReport& report);
// So often more, where the limits allow another one.
void add_failure(DomainReport& report, ReportFailure failure, uint64_t count);
// "1700000000.example.net@mx.example.org": the same whenever it is asked for.
std::string report_id(const ReportFacts& facts, const std::string& domain);
std::string report_json(const ReportFacts& facts, const std::string& domain, const DomainReport& report);
// The file's name of RFC 8460 5.1, and the media type of what is in it.
std::string report_file(const ReportFacts& facts, const std::string& domain);
constexpr std::string_view kReportType = "application/tlsrpt+gzip";
mailkeep::Result<std::string> gzip(std::string_view text);
// The mail (RFC 8460 5.3) with that, by gzip. EMSGSIZE: it would be more than kMaxReportMail.
mailkeep::Result<std::string> report_mail(const ReportFacts& facts, const std::string& domain, const std::string& to,
                                          const std::string& json);

}  // namespace mailkeep::relay
