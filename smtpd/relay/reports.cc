// TLS reports in the relay process: what sessions came to, and the reports that domains ask for. See relay.h and report_book.h.
// SPDX-License-Identifier: ISC
#include <algorithm>

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
  const bool is_good = !policy.sts_testing || (connection.is_verified() && is_host);
  DomainReport* const report = reports_.count(job.transfer.domain, now_unix());
  if (report == nullptr) return;
  set_report_timer();
  if (is_good) return count_good(*report, policy, sts);
  const char* type = connection.tls().empty() ? "starttls-not-supported"
                     : is_host                ? "certificate-not-trusted"
                                              : "validation-failure";
  count_bad(*report, policy, sts, {type, connection.host().name, "mode testing"});
}

void Relay::report_bad(const Job& job, const Connection& connection) {
  if (job.smart || active_.config.report_interval == 0) return;
  const TlsPolicy& policy = connection.host().policy;
  const Failure& failure = connection.dialog().failure();
  const bool lacks_starttls = failure.enhanced == "4.7.4" && failure.code == 0;
  if (!connection.tls_failed() && !lacks_starttls) return;
  const std::string type(lacks_starttls ? std::string_view("starttls-not-supported")
                                        : report_type(connection.problem()));
  report_failure(job.transfer.domain, policy, {type, connection.host().name, failure.text});
}

void Relay::report_refused(const Job& job, const TlsPolicy& policy, const std::string& host, const Objection& why) {
  if (active_.config.report_interval == 0 || policy.authority == Authority::kMessage) return;
  report_failure(job.transfer.domain, policy, {std::string(report_type(why, policy.authority)), host, why.text});
}

void Relay::report_failure(const std::string& domain, const TlsPolicy& policy, ReportFailure failure) {
  DomainReport* const report = reports_.count(domain, now_unix());
  if (report == nullptr) return;
  count_bad(*report, policy, sts_.policy(domain, now_unix()), std::move(failure));
  set_report_timer();
}

// --- what is owed ----------------------------------------------------------------------------------

void Relay::set_report_timer() {
  report_timer_.cancel();
  const auto next = reports_.next();
  if (!next || due_reports_.size() >= kReportsAtOnce || quitting_) return;
  report_timer_.set(Seconds(std::max<int64_t>(*next - now_unix(), 0)));
}

void Relay::run_reports() {
  while (due_reports_.size() < kReportsAtOnce) {
    const auto key = reports_.begin(now_unix());
    if (!key) break;
    const ReportBook::Entry& entry = *reports_.find(*key);
    const uint64_t id = ++last_id_;
    DueReport& due = due_reports_[id];
    due.key = *key;
    due.facts = {active_.config.hostname, key->first, entry.until};
    due.json = report_json(due.facts, key->second, entry.report);
    lookup::FindTexts m;
    m.query = id;
    m.name = "_smtp._tls." + key->second;
    if (m.name.size() <= kMaxDomain && worker_.send_role(Role::kLookup, m)) continue;
    due.failed = true;
    end_report(id);
  }
  set_report_timer();
}

// True: the answer was about a report.
bool Relay::take_report_texts(const lookup::Texts& m) {
  const auto it = due_reports_.find(m.query);
  if (it == due_reports_.end() || it->second.has_uris) return false;
  DueReport& due = it->second;
  due.has_uris = true;
  due.failed = m.failed;
  for (ReportUri& uri : parse_rua(m.texts)) due.left.push_back(std::move(uri));
  serve_next(m.query);
  return true;
}

void Relay::lose_report_texts() {
  std::vector<uint64_t> ids;
  for (auto& [id, due] : due_reports_) {
    if (due.has_uris) continue;
    due.failed = true;
    ids.push_back(id);
  }
  for (const uint64_t id : ids) end_report(id);
}

// Each URI of the domain is served (RFC 8460 3), one after the other, whatever came of the one before.
void Relay::serve_next(uint64_t id) {
  DueReport& due = due_reports_[id];
  while (!due.left.empty()) {
    const ReportUri uri = std::move(due.left.front());
    due.left.pop_front();
    const ReportBook::Entry* entry = reports_.find(due.key);
    if (entry == nullptr || std::count(entry->served.begin(), entry->served.end(), uri.text) > 0) continue;
    if (uri.address.empty()) return post_report(id, uri);
    if (!mail_report(due, uri)) due.failed = true;
  }
  end_report(id);
}

// False: again later. After this the queue looks after it.
bool Relay::mail_report(const DueReport& due, const ReportUri& uri) {
  const auto mail = report_mail(due.facts, due.domain(), uri.address, due.json);
  queue::SubmitReport out;
  out.recipients = {uri.address};
  if (mail) out.text = *mail;
  const bool is_sent = mail && worker_.send_role(Role::kQueue, out);
  log::info("tls-report")
      .kv("domain", due.domain())
      .kv("to", uri.address)
      .kv("text", !mail     ? mail.error().text
                  : is_sent ? ""
                            : "the queue process is not there");
  if (is_sent || !mail) reports_.served(due.key, uri.text);
  return is_sent || !mail;
}

// RFC 8460 5.4: a POST, and any 2xx says that it was taken.
void Relay::post_report(uint64_t id, const ReportUri& uri) {
  const DueReport& due = due_reports_[id];
  auto packed = gzip(due.json);
  HttpRequest request;
  request.host = uri.host;
  request.port = uri.port;
  request.path = uri.path;
  request.is_post = true;
  request.type = kReportType;
  if (packed) request.body = std::move(*packed);
  fetch(std::move(request), [this, id, uri](const mailkeep::Result<HttpAnswer>& answer) {
    const auto it = due_reports_.find(id);
    if (it == due_reports_.end()) return;  // no reports are wanted any more
    const bool is_taken = answer && answer->status / 100 == 2;
    log::info("tls-report")
        .kv("domain", it->second.domain())
        .kv("to", uri.text)
        .kv("text", !answer    ? answer.error().text
                    : is_taken ? ""
                               : "the web server says " + std::to_string(answer->status));
    if (is_taken) reports_.served(it->second.key, uri.text);
    if (!is_taken) it->second.failed = true;
    serve_next(id);
  });
}

void Relay::end_report(uint64_t id) {
  const auto node = due_reports_.extract(id);
  const DueReport& due = node.mapped();
  if (!due.failed) {
    reports_.finish(due.key);
  } else if (!reports_.put_off(due.key, now_unix())) {
    log::warn("tls-report").kv("domain", due.domain()).kv("to", "").kv("text", "given up after a day");
  }
  set_report_timer();
}

}  // namespace mailkeep::relay
