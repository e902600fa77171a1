// What senders are told: failures, delays, and deliveries where they asked for it; and envelopes that are routed anew.
// See queue.h. A report of a failure and the removal of what it is about are one transaction: neither lost nor sent
// twice. A report is kept first and routed then, as a recipient without account. A warning or the news of a delivery
// may be lost with a crash of this process between the two, mail not.
// SPDX-License-Identifier: ISC
#include <algorithm>

#include "lib/base/text.h"
#include "lib/log/log.h"
#include "lib/smtp/reply.h"
#include "queue/queue.h"

namespace mailkeep::queue {

using imsg::Role;

namespace {

constexpr size_t kFewNotices = 20;  // of a report that would be too large

// "4.2.2" where a text has it.
std::string status_in(std::string_view text, char first, std::string_view otherwise) {
  for (const std::string_view word : split(text, ' ')) {
    if (!word.empty() && word[0] == first && smtp::is_enhanced_code(word)) return std::string(word);
  }
  return std::string(otherwise);
}

std::vector<EnvelopeId> ids_of(const std::vector<Ended>& ended) {
  std::vector<EnvelopeId> out;
  out.reserve(ended.size());
  for (const Ended& e : ended) out.push_back(e.id);
  return out;
}

Notice notice_of(const Envelope& e, Action action, const Cause& cause) {
  Notice n;
  n.recipient = e.recipient;
  n.original = e.original;
  n.status = cause.status;
  n.text = cause.text;
  n.remote = cause.remote;
  n.attempts = e.attempts + 1;
  n.action = action;
  n.orcpt = e.options.orcpt;
  return n;
}

}  // namespace

// Of a list's copies its owner is told, by a report of their own.
Queue::Report& Queue::report_about(const Envelope& e) {
  return reports_[{e.id.message, e.reports_to_sender ? e.sender : std::string()}];
}

void Queue::on_failed(const Envelope& envelope, const Cause& cause) {
  log::info("failed")
      .kv("msg", hex64(envelope.id.message))
      .kv("envelope", envelope.id.number)
      .kv("account", envelope.account)
      .kv("to", envelope.recipient)
      .kv("host", cause.remote)
      .kv("status", cause.status)
      .kv("text", cause.text);
  Report& report = report_about(envelope);
  report.ended.push_back({envelope.id,
                          {now_unix(), How::kFailed, cause.uid, cause.remote.substr(0, 400), cause.tls.substr(0, 200),
                           cause.text.substr(0, kMaxReplyText)}});
  if (wants(envelope.options, Action::kFailed)) report.notices.push_back(notice_of(envelope, Action::kFailed, cause));
}

void Queue::on_delayed(const Envelope& envelope) {
  if (!wants(envelope.options, Action::kDelayed)) return;
  Notice n =
      notice_of(envelope, Action::kDelayed, {status_in(envelope.last_error, '4', "4.4.7"), envelope.last_error, ""});
  n.retry_until = envelope.expiry;
  report_about(envelope).notices.push_back(std::move(n));
}

// Delivered here, or given to a host that will not tell the sender itself.
void Queue::on_delivered(const Envelope& envelope, Action action, const Cause& answer) {
  if (!wants(envelope.options, action)) return;
  report_about(envelope).notices.push_back(notice_of(envelope, action, answer));
}

void Queue::forget(const EnvelopeId& id) {
  local_.forget(id);
  remote_.forget(id);
}

void Queue::try_again(const EnvelopeId& id, const std::string& text) {
  local_.try_again(id, text, now_unix());
  remote_.try_again(id, text, now_unix());
}

// What the rules were told when it came: they shall not say otherwise for want of that.
lookup::SessionFacts Queue::facts_of(const Message& m) const {
  lookup::SessionFacts f;
  f.sender = m.sender;
  f.account = m.account;
  f.user = m.user;
  f.source = m.is_bounce ? "local" : m.source;
  f.helo = m.is_bounce ? config_.hostname : m.helo;
  f.name_state = m.name_state;
  f.name = m.client_name;
  f.tag = m.tag;
  f.tls = m.tls;
  return f;
}

void Queue::on_reroute(const Envelope& envelope) {
  lookup::Route route;
  const auto message = spool_->message(envelope.id.message);
  if (message && message->has_value()) route.facts = facts_of(**message);
  route.query = ++last_query_;
  route.recipients.push_back(envelope.original.empty() ? envelope.recipient : envelope.original);
  rerouting_.emplace(route.query, envelope);
  if (peers_->send_role(Role::kLookup, route)) return;
  rerouting_.erase(route.query);
  local_.try_again(envelope.id, "no route now", now_unix());
}

// As the message says; all its envelopes are looked at only when that cannot be, after a salvage: there may be very
// many.
Result<uint32_t> Queue::unused_number(const Message& message) {
  if (message.next_number != 0) {
    const auto behind = spool_->list({message.id, message.next_number - 1}, 1);
    if (!behind) return behind.error();
    if (behind->empty() || behind->front().id.message != message.id) return message.next_number;
  }
  const auto siblings = spool_->envelopes(message.id);
  if (!siblings) return siblings.error();
  return std::max(message.next_number, siblings->empty() ? 0 : siblings->back().id.number + 1);
}

void Queue::take_reroute(const Envelope& envelope, const Routed& routed) {
  const auto message = spool_->message(envelope.id.message);
  if (!message || !message->has_value()) return local_.try_again(envelope.id, "could not be read now", now_unix());
  std::vector<Delivery> deliveries = routed.deliveries;
  if (deliveries.empty() && !routed.discarded.empty()) {
    Change change;
    change.ended.push_back({envelope.id, {now_unix(), How::kDiscarded, kNoUid, "", "", "as a rule says"}});
    replaced_.push_back({spool_->stage(std::move(change)), {envelope.id}, {}, {}});
    return;
  }
  if (deliveries.empty()) {
    const RouteFailure* failure = routed.failures.empty() ? nullptr : &routed.failures[0];
    if (failure == nullptr || failure->temporary)
      return local_.try_again(envelope.id, failure == nullptr ? "no route now" : failure->text, now_unix());
    // A report for a sender of ours that does not exist ends here; anything else that lookup refuses is a sender
    // elsewhere.
    if (!(**message).is_bounce || failure->enhanced.starts_with("5.1."))
      return on_failed(envelope, {failure->enhanced, failure->text, ""});
    Delivery& d = deliveries.emplace_back();
    d.relay = true;
    d.address = envelope.original;
  }
  // A mailbox knows mail by its number, so none is used twice: not in this turn, nor after a crash, nor when its
  // envelope is gone.
  const auto unused = unused_number(**message);
  if (!unused) return local_.try_again(envelope.id, "could not be read now", now_unix());
  uint32_t& number = next_numbers_[envelope.id.message];
  number = std::max(number, *unused);
  Change change;
  change.durable = true;
  for (const Delivery& d : deliveries) {
    Envelope& e = change.put.emplace_back(envelope);
    e.id.number = number++;
    direct(e, d);
  }
  change.removed.push_back(envelope.id);
  change.renewed = **message;
  change.renewed->next_number = number;
  std::vector<Envelope> envelopes = change.put;
  replaced_.push_back({spool_->stage(std::move(change)), {envelope.id}, **message, std::move(envelopes)});
}

// The notices of this turn, one report a message.
void Queue::send_reports() {
  for (auto& [key, report] : std::exchange(reports_, {})) {
    const auto& [id, owner] = key;
    spool_->take_in_hand(id);
    const auto message = spool_->message(id);
    if (!message) {
      for (const Ended& e : report.ended) try_again(e.id, "could not be read now");
    } else if (!message->has_value()) {
      drop_report(report, id, "its message was damaged");
    } else if (!may_bounce(**message)) {
      drop_report(report, id, "null sender");
    } else if (report.notices.empty()) {
      drop_report(report, id, "not wanted");
    } else {
      send_report(report, **message, owner);
    }
  }
}

void Queue::drop_report(const Report& report, uint64_t message, std::string_view why) {
  if (report.ended.empty()) return;
  log::warn("no-report").kv("msg", hex64(message)).kv("why", why);
  Change change;
  change.ended = report.ended;
  change.durable = true;
  replaced_.push_back({spool_->stage(std::move(change)), ids_of(report.ended), {}, {}});
}

// Who is told. Of a stranger's mail the postmaster is, or nobody: see is_from_stranger(). Empty: nobody.
std::string Queue::reader_of(const Report& report, const Message& message) const {
  if (config_.strangers == Strangers::kSender || !is_from_stranger(message)) return message.sender;
  const bool failed = !report.ended.empty();
  return failed && config_.strangers == Strangers::kPostmaster ? config_.postmaster : std::string();
}

void Queue::send_report(const Report& report, const Message& about, const std::string& owner) {
  const std::string reader = owner.empty() ? reader_of(report, about) : owner;
  if (reader.empty()) return drop_report(report, about.id, "its sender is a stranger's word");
  const Result<uint64_t> id = spool_->new_id();
  if (!id) {
    for (const Ended& e : report.ended) try_again(e.id, "the report could not be made: " + id.error().text);
    return;
  }
  BounceFacts facts{*id,
                    config_.hostname,
                    config_.postmaster,
                    now_unix(),
                    std::min<uint64_t>(config_.bounce_size, kSmallMessage / 2),
                    reader};
  std::vector<Notice> notices = report.notices;
  Change change;
  change.body = make_bounce(facts, about, notices, spool_->head(about));
  if (change.body.size() > kSmallMessage) change.body = make_bounce(facts, about, notices, {});
  if (change.body.size() > kSmallMessage)
    notices.resize(kFewNotices), change.body = make_bounce(facts, about, notices, {});
  Message& m = change.message.emplace();
  m.id = *id;
  m.received = facts.now;
  m.size = change.body.size();
  m.recipients = m.next_number = 1;
  m.is_bounce = true;
  m.options.smtputf8 = is_global(about);
  m.options.body = Body::k8bit;
  Envelope& e = change.put.emplace_back();
  e.id = {*id, 0};
  e.original = e.recipient = reader;
  e.options.notify = kNotifyNever;  // RFC 3461 6.1
  e.next_try = facts.now;
  e.expiry = facts.now + lifetime();
  change.ended = report.ended;
  for (Ended& ended : change.ended) ended.report = *id;
  ++counters_.bounces;
  log::info(report.ended.empty() ? "reported" : "bounced")
      .kv("msg", hex64(about.id))
      .kv("report", hex64(*id))
      .kv("to", e.recipient)
      .kv("recipients", report.notices.size());
  const Message message = m;
  std::vector<Envelope> envelopes = change.put;
  replaced_.push_back({spool_->stage(std::move(change)), ids_of(report.ended), message, std::move(envelopes)});
}

}  // namespace mailkeep::queue
