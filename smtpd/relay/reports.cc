// TLS reports in the relay process: what sessions came to, and the mail that domains ask for. See relay.h and tls_report.h.
// SPDX-License-Identifier: ISC
#include "lib/log/log.h"
#include "smtpd/relay/relay.h"

namespace mailkeep::relay {

using imsg::Role;

// Of a session that has come as far as a transaction. Without TLS there is nothing to report, unless somebody wants it.
void Relay::report_good(const Job& job, const Connection& connection) {
  if (job.smart || active_.config.report_interval == 0) return;
  const StsPolicy* sts = sts_.policy(job.transfer.domain, now_unix());
  const TlsPolicy& policy = connection.host().policy;
  if (!policy.sts_testing && connection.tls().empty()) return;
  const bool is_host = sts == nullptr || sts_matches(*sts, connection.host().name);
  if (!policy.sts_testing || (connection.is_verified() && is_host))
    return reports_.good(job.transfer.domain, policy, sts);
  const char* type = connection.tls().empty() ? "starttls-not-supported"
                     : is_host                ? "certificate-not-trusted"
                                              : "validation-failure";
  reports_.bad(job.transfer.domain, policy, sts, {type, connection.host().name, "mode testing"});
}

void Relay::report_bad(const Job& job, const Connection& connection) {
  if (job.smart || active_.config.report_interval == 0) return;
  const TlsPolicy& policy = connection.host().policy;
  const Failure& failure = connection.dialog().failure();
  const bool lacks_starttls = failure.enhanced == "4.7.4" && failure.code == 0;
  if (!connection.tls_failed() && !lacks_starttls) return;
  const std::string type(lacks_starttls ? std::string_view("starttls-not-supported")
                                        : report_type(connection.problem()));
  reports_.bad(job.transfer.domain, policy, sts_.policy(job.transfer.domain, now_unix()),
               {type, connection.host().name, failure.text});
}

void Relay::report_refused(const Job& job, const TlsPolicy& policy, const std::string& host, const Objection& why) {
  if (active_.config.report_interval == 0 || policy.authority == Authority::kMessage) return;
  reports_.bad(job.transfer.domain, policy, sts_.policy(job.transfer.domain, now_unix()),
               {std::string(report_type(why, policy.authority)), host, why.text});
}

// At the next whole interval, so once a day at midnight (UTC).
void Relay::set_report_timer() {
  const int64_t every = active_.config.report_interval;
  report_timer_.cancel();
  if (every == 0) return;
  report_timer_.set(Seconds(every - now_unix() % every));
}

void Relay::send_reports() {
  const ReportFacts facts = {active_.config.hostname, std::exchange(reports_since_, now_unix()), now_unix()};
  set_report_timer();
  for (auto& [domain, report] : reports_.take()) {
    lookup::FindTexts m;
    m.query = ++last_id_;
    m.name = "_smtp._tls." + domain;
    if (m.name.size() > kMaxDomain) continue;
    due_reports_[m.query] = {domain, std::move(report), facts};
    if (!worker_.send_role(Role::kLookup, m)) due_reports_.erase(m.query);
  }
}

// True: the answer was about a report.
bool Relay::take_report_texts(const lookup::Texts& m) {
  auto node = due_reports_.extract(m.query);
  if (node.empty()) return false;
  const DueReport& due = node.mapped();
  for (const std::string& address : parse_rua(m.texts)) {
    const auto mail = report_mail(due.facts, due.domain, address, report_json(due.facts, due.domain, due.report));
    log::info("tls-report").kv("domain", due.domain).kv("to", address).kv("text", mail ? "" : mail.error().text);
    if (!mail) continue;
    queue::SubmitReport out;
    out.recipients = {address};
    out.text = *mail;
    worker_.send_role(Role::kQueue, out);
  }
  return true;
}

}  // namespace mailkeep::relay
