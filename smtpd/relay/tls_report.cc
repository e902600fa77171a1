// SMTP TLS reporting: see tls_report.h.
// SPDX-License-Identifier: ISC
#include "smtpd/relay/tls_report.h"

#include <zlib.h>

#include <algorithm>

#include "lib/base/calendar.h"
#include "lib/base/limits.h"
#include "lib/base/text.h"
#include "lib/rfc5322/date.h"
#include "lib/smtp/address.h"
#include "lib/text/base64.h"

namespace mailkeep::relay {
namespace {

// RFC 8259 7; bytes that are no ASCII become "?".
std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c >= ' ' && c < 127 ? c : '?';
  }
  return out + "\"";
}

std::string list(const std::vector<std::string>& items) {
  std::string out;
  for (const auto& i : items) out += (out.empty() ? "" : ",") + quoted(i);
  return "[" + out + "]";
}

std::string tlsa_text(const tls::Association& a) {
  return std::to_string(a.usage) + " " + std::to_string(a.selector) + " " + std::to_string(a.matching) + " " +
         hex(a.data);
}

void clip(std::vector<std::string>& lines) {
  size_t bytes = 0, keep = 0;
  while (keep < std::min(lines.size(), kMaxPolicyLines) && (bytes += lines[keep].size()) <= kMaxPolicyBytes) ++keep;
  lines.resize(keep);
}

void note_policy(DomainReport& r, const TlsPolicy& policy, const StsPolicy* sts) {
  if (policy.authority == Authority::kDane) {
    r.policy_type = "tlsa";
    if (r.policy.empty()) {
      for (const auto& a : policy.associations) r.policy.push_back(tlsa_text(a));
    }
  } else if (sts != nullptr && sts->mode != StsMode::kNone && r.policy_type != "tlsa") {
    r.policy_type = "sts";
    r.hosts = sts->hosts;
    r.policy = {"version: STSv1", std::string("mode: ") + (sts->mode == StsMode::kEnforce ? "enforce" : "testing")};
    for (const auto& host : sts->hosts) r.policy.push_back("mx: " + host);
  } else if (r.policy_type.empty()) {
    r.policy_type = "no-policy-found";
  }
  clip_policy(r);
}

}  // namespace

void clip_policy(DomainReport& report) {
  clip(report.policy);
  clip(report.hosts);
}

mailkeep::Result<std::string> gzip(std::string_view text) {
  z_stream z = {};
  if (deflateInit2(&z, Z_BEST_COMPRESSION, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK)
    return Error("deflateInit2", ENOMEM);
  std::string in(text);
  std::string out(deflateBound(&z, in.size()) + 32, '\0');
  z.next_in = reinterpret_cast<Bytef*>(in.data());
  z.avail_in = static_cast<uInt>(in.size());
  z.next_out = reinterpret_cast<Bytef*>(out.data());
  z.avail_out = static_cast<uInt>(out.size());
  const int rc = deflate(&z, Z_FINISH);
  out.resize(z.total_out);
  deflateEnd(&z);
  if (rc != Z_STREAM_END) return Error("deflate", EINVAL);
  return out;
}

std::string_view report_type(tls::Problem problem) {
  switch (problem) {
    case tls::Problem::kExpired: return "certificate-expired";
    case tls::Problem::kName: return "certificate-host-mismatch";
    case tls::Problem::kUntrusted: return "certificate-not-trusted";
    case tls::Problem::kAssociation:
    case tls::Problem::kHandshake: break;
  }
  return "validation-failure";
}

std::string_view report_type(const Objection& objection, Authority authority) {
  return authority == Authority::kDane && objection.enhanced == "4.4.3" ? "dnssec-invalid" : "validation-failure";
}

void count_good(DomainReport& report, const TlsPolicy& policy, const StsPolicy* sts) {
  note_policy(report, policy, sts);
  ++report.good;
}

void count_bad(DomainReport& report, const TlsPolicy& policy, const StsPolicy* sts, ReportFailure failure) {
  note_policy(report, policy, sts);
  failure.text = printable(failure.text, 200);
  add_failure(report, std::move(failure), 1);
}

void add_failure(DomainReport& report, ReportFailure failure, uint64_t count) {
  failure.host = failure.host.substr(0, kMaxDomain);
  if (const auto it = report.failures.find(failure); it != report.failures.end()) return it->second += count, void();
  size_t bytes = failure.type.size() + failure.host.size() + failure.text.size();
  for (const auto& [f, n] : report.failures) bytes += f.type.size() + f.host.size() + f.text.size();
  if (report.failures.size() >= kMaxFailureKinds || bytes > kMaxFailureBytes) return;
  report.failures[std::move(failure)] = count;
}

std::string report_id(const ReportFacts& facts, const std::string& domain) {
  return std::to_string(facts.from) + "." + domain + "@" + facts.hostname;
}

std::string report_file(const ReportFacts& facts, const std::string& domain) {
  return facts.hostname + "!" + domain + "!" + std::to_string(facts.from) + "!" + std::to_string(facts.until) +
         ".json.gz";
}

std::string report_json(const ReportFacts& facts, const std::string& domain, const DomainReport& report) {
  uint64_t bad = 0;
  std::string failures;
  for (const auto& [f, count] : report.failures) {
    bad += count;
    failures += (failures.empty() ? "" : ",") + std::string("{\"result-type\":") + quoted(f.type) +
                ",\"receiving-mx-hostname\":" + quoted(f.host) + ",\"failed-session-count\":" + std::to_string(count) +
                ",\"additional-information\":" + quoted(f.text) + "}";
  }
  std::string policy = "{\"policy-type\":" + quoted(report.policy_type) + ",\"policy-string\":" + list(report.policy) +
                       ",\"policy-domain\":" + quoted(domain);
  if (!report.hosts.empty()) policy += ",\"mx-host\":" + list(report.hosts);
  std::string out = "{\"organization-name\":" + quoted(facts.hostname) +
                    ",\"date-range\":{\"start-datetime\":" + quoted(format_rfc3339(facts.from)) +
                    ",\"end-datetime\":" + quoted(format_rfc3339(facts.until)) +
                    "},\"contact-info\":" + quoted("postmaster@" + facts.hostname) +
                    ",\"report-id\":" + quoted(report_id(facts, domain)) + ",\"policies\":[{\"policy\":" + policy +
                    "},\"summary\":{\"total-successful-session-count\":" + std::to_string(report.good) +
                    ",\"total-failure-session-count\":" + std::to_string(bad) + "}";
  if (!failures.empty()) out += ",\"failure-details\":[" + failures + "]";
  return out + "}]}\n";
}

mailkeep::Result<std::string> report_mail(const ReportFacts& facts, const std::string& domain, const std::string& to,
                                          const std::string& json) {
  const auto packed = gzip(json);
  if (!packed) return packed.error();
  const std::string id = report_id(facts, domain);
  const std::string boundary = "=_tlsrpt_" + hex64(static_cast<uint64_t>(facts.from));
  std::string out;
  out += "From: <postmaster@" + facts.hostname + ">\r\nTo: <" + to + ">\r\nDate: " + rfc5322::format_date(facts.until) +
         "\r\n";
  out += "Message-ID: <" + id + ">\r\n";
  out += "Subject: Report Domain: " + domain + "\r\n Submitter: " + facts.hostname + "\r\n Report-ID: <" + id + ">\r\n";
  out += "TLS-Report-Domain: " + domain + "\r\nTLS-Report-Submitter: " + facts.hostname + "\r\nTLS-Required: No\r\n";
  out += "Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n";
  out += "Content-Type: multipart/report; report-type=\"tlsrpt\";\r\n boundary=\"" + boundary + "\"\r\n\r\n";
  out += "--" + boundary +
         "\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\nThis is an aggregate TLS report from " +
         facts.hostname + ".\r\n\r\n";
  out +=
      "--" + boundary + "\r\nContent-Type: " + std::string(kReportType) + "\r\nContent-Transfer-Encoding: base64\r\n";
  out += "Content-Disposition: attachment;\r\n filename=\"" + report_file(facts, domain) + "\"\r\n\r\n";
  const std::string encoded = text::base64_encode(*packed);
  for (size_t at = 0; at < encoded.size(); at += 76) out += encoded.substr(at, 76) + "\r\n";
  out += "\r\n--" + boundary + "--\r\n";
  if (out.size() > kMaxReportMail) return Error("a report of " + std::to_string(out.size()) + " bytes", EMSGSIZE);
  return out;
}

}  // namespace mailkeep::relay
