// TLS reports in the relay process: what sessions came to, and the reports that domains ask for. See relay.h and
// report_book.h.
// SPDX-License-Identifier: ISC
#include <algorithm>

#include "lib/base/text.h"
#include "lib/log/log.h"
#include "smtpd/relay/relay.h"

namespace mailkeep::relay {

using imsg::Role;

namespace {
constexpr char kSlotsNote[] = "slots";  // how many the others are, which have numbers as their names
}  // namespace

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
  reports_changed();
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
  reports_changed();
}

// --- what is kept ----------------------------------------------------------------------------------

// Of the process before this one, once it is known what is wanted: first how many notes there are, then all of them.
// Until then nothing is written or sent.
void Relay::recall_reports() {
  if (has_reports_ || active_.config.generation == 0 || !report_recalls_.empty()) return;
  recall_report(kSlotsNote);
}

void Relay::recall_report(const std::string& note) {
  queue::FindNote m;
  m.kind = queue::NoteKind::kTlsReport;
  m.name = note;
  if (worker_.send_role(Role::kQueue, m)) report_recalls_.insert(note);
}

void Relay::take_report(const queue::NoteFound& m) {
  if (report_recalls_.erase(m.name) == 0) return;
  if (m.name == kSlotsNote) {
    const uint64_t slots = m.found ? parse_u64(m.value, kReportSlots).value_or(0) : 0;
    for (uint64_t i = 0; i < slots; i++) recall_report(std::to_string(i));
  } else if (m.found) {
    reports_.restore(*parse_u64(m.name), m.value, now_unix());
  }
  if (!report_recalls_.empty()) return;
  has_reports_ = true;
  set_report_timer();
  reports_changed();
}

// After a while without changes at once, so to say; under load once a minute.
void Relay::reports_changed() {
  if (!has_reports_ || keep_reports_.pending() || !reports_.is_changed()) return;
  const Micros since = now_monotonic() - reports_kept_;
  keep_reports_.set(std::max<Micros>(kKeepReports - since, kKeepReportsSoon));
}

void Relay::keep_reports() {
  if (!has_reports_) return;
  reports_kept_ = now_monotonic();
  write_reports(reports_.changed());
}

void Relay::write_reports(const ReportBook::Notes& notes) {
  const auto keep = [&](const std::string& name, const std::string& value) {
    if (value.size() > queue::kMaxNoteValue) fatal("relay: a TLS report is larger than its limits allow");
    queue::KeepNote m;
    m.kind = queue::NoteKind::kTlsReport;
    m.name = name;
    m.expires = now_unix() + kForgetReport;
    m.value = value;
    m.durable = true;
    worker_.send_role(Role::kQueue, m);
  };
  if (!notes.empty()) keep(kSlotsNote, std::to_string(reports_.slots()));
  for (const auto& [slot, value] : notes) keep(std::to_string(slot), value);
}

// --- what is owed ----------------------------------------------------------------------------------

void Relay::set_report_timer() {
  report_timer_.cancel();
  const auto next = reports_.next();
  if (!next || due_reports_.size() >= kReportsAtOnce || quitting_ || !has_reports_) return;
  report_timer_.set(Seconds(std::max<int64_t>(*next - now_unix(), 0)));
}

void Relay::run_reports() {
  while (has_reports_ && due_reports_.size() < kReportsAtOnce) {
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
    if (reports_.is_served(due.key, uri.text)) continue;
    if (uri.address.empty()) return post_report(id, uri);
    if (!mail_report(due, uri)) due.failed = true;
  }
  end_report(id);
}

// False: again later. The note goes first: after a crash between the two a report is missing, not there twice.
bool Relay::mail_report(const DueReport& due, const ReportUri& uri) {
  const auto mail = report_mail(due.facts, due.domain(), uri.address, due.json);
  const bool has_queue = worker_.pick(Role::kQueue, 0).has_value();
  log::info("tls-report")
      .kv("domain", due.domain())
      .kv("to", uri.address)
      .kv("text", !mail       ? mail.error().text
                  : has_queue ? ""
                              : "the queue process is not there");
  if (!has_queue) return false;
  report_served(due, uri);
  if (!mail) return true;
  queue::SubmitReport out;
  out.recipients = {uri.address};
  out.text = *mail;
  worker_.send_role(Role::kQueue, out);
  return true;
}

void Relay::report_served(const DueReport& due, const ReportUri& uri) {
  reports_.served(due.key, uri.text);
  write_reports(reports_.changed(due.key));
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
    if (is_taken) report_served(it->second, uri);
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
  reports_changed();
}

}  // namespace mailkeep::relay
