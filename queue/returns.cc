// What could not be delivered: reports to senders, and envelopes that are routed anew. See queue.h.
// A report and the removal of what it is about are one transaction: neither lost nor sent twice.
// SPDX-License-Identifier: ISC
#include "lib/base/text.h"
#include "lib/log/log.h"
#include "queue/queue.h"

namespace mailkeep::queue {

using imsg::Role;

void Queue::on_failed(const Envelope& envelope, const Cause& cause) {
  log::info("failed").kv("msg", hex64(envelope.id.message)).kv("envelope", envelope.id.number).kv("account", envelope.account)
      .kv("to", envelope.recipient).kv("host", cause.remote).kv("status", cause.status).kv("text", cause.text);
  Return& back = failed_[envelope.id.message];
  back.ids.push_back(envelope.id);
  back.failures.push_back({envelope.recipient, envelope.original, cause.status, cause.text, cause.remote, envelope.attempts + 1});
}

void Queue::forget(const EnvelopeId& id) {
  local_.forget(id);
  remote_.forget(id);
}

void Queue::try_again(const EnvelopeId& id, const std::string& text) {
  local_.try_again(id, text, now_unix());
  remote_.try_again(id, text, now_unix());
}

void Queue::on_reroute(const Envelope& envelope) {
  lookup::Route route;
  const auto message = spool_->message(envelope.id.message);
  if (message && message->has_value()) {
    route.facts.sender = (*message)->sender;
    route.facts.account = (*message)->account;
    route.facts.source = (*message)->source;
  }
  route.query = ++last_query_;
  route.recipients.push_back(envelope.original.empty() ? envelope.recipient : envelope.original);
  rerouting_.emplace(route.query, envelope);
  if (peers_->send_role(Role::kLookup, route)) return;
  rerouting_.erase(route.query);
  local_.try_again(envelope.id, "no route now", now_unix());
}

void Queue::take_reroute(const Envelope& envelope, const Routed& routed) {
  if (routed.deliveries.empty()) {
    if (routed.failures.empty() || routed.failures[0].temporary) {
      local_.try_again(envelope.id, routed.failures.empty() ? "no route now" : routed.failures[0].text, now_unix());
    } else {
      on_failed(envelope, {routed.failures[0].enhanced, routed.failures[0].text, ""});
    }
    return;
  }
  const auto siblings = spool_->envelopes(envelope.id.message);
  const auto message = spool_->message(envelope.id.message);
  if (!siblings || !message || !message->has_value()) return local_.try_again(envelope.id, "could not be read now", now_unix());
  uint32_t number = siblings->empty() ? 0 : siblings->back().id.number;
  Change change;
  for (const Delivery& d : routed.deliveries) {
    Envelope& e = change.put.emplace_back(envelope);
    e.id.number = ++number;
    e.kind = d.relay ? Kind::kRelay : Kind::kLocal;
    e.account = d.relay ? std::string() : d.account;
    e.action = d.relay ? d.action : std::string();
    e.detail = d.detail;
    if (!d.address.empty()) e.recipient = d.address;
  }
  change.removed.push_back(envelope.id);
  std::vector<Envelope> envelopes = change.put;
  replaced_.push_back({spool_->stage(std::move(change)), {envelope.id}, **message, std::move(envelopes)});
}

// The failures of this turn, one report a message: first the way to its sender is asked for.
void Queue::send_returns() {
  for (auto& [id, back] : std::exchange(failed_, {})) {
    auto message = spool_->message(id);
    if (!message) {
      postpone(back, "could not be read now");
      continue;
    }
    if (!message->has_value()) {
      drop_return(back, "its message was damaged");
      continue;
    }
    back.message = std::move(**message);
    if (!may_bounce(back.message)) {
      drop_return(back, "null sender");
      continue;
    }
    lookup::Route route;
    route.query = ++last_query_;
    route.facts.source = "local";
    route.facts.helo = config_.hostname;
    route.recipients.push_back(back.message.sender);
    if (peers_->send_role(Role::kLookup, route)) {
      returning_.emplace(route.query, std::move(back));
    } else {
      postpone(back, "the route of the report could not be found");
    }
  }
}

void Queue::postpone(const Return& back, const std::string& text) {
  for (const EnvelopeId& id : back.ids) try_again(id, text);
}

void Queue::drop_return(const Return& back, std::string_view why) {
  log::warn("no-report").kv("msg", hex64(back.ids.front().message)).kv("why", why);
  Change change;
  change.removed = back.ids;
  replaced_.push_back({spool_->stage(std::move(change)), back.ids, {}, {}});
}

// The header of the original, or all of it when the configuration says so.
static std::string original_of(Spool& spool, const Message& message, uint64_t whole) {
  if (!message.in_file) {
    auto body = spool.body(message.id);
    return body && body->has_value() ? std::move(**body) : std::string();
  }
  const Result<Fd> file = spool.open_file(message.id);
  if (!file) return {};
  std::string text(message.size <= whole ? message.size : kMaxBounceHeader, '\0');
  const ssize_t n = ::pread(file->get(), text.data(), text.size(), 0);
  text.resize(n > 0 ? static_cast<size_t>(n) : 0);
  return text;
}

void Queue::take_return(Return back, const Routed& routed) {
  const Delivery* to = routed.deliveries.empty() ? nullptr : &routed.deliveries.front();
  const RouteFailure* failure = routed.failures.empty() ? nullptr : &routed.failures.front();
  if (to == nullptr && (failure == nullptr || failure->temporary)) return postpone(back, "the route of the report could not be found");
  // A sender of ours that does not exist; anything else that lookup refuses is a sender elsewhere.
  if (to == nullptr && failure->enhanced.starts_with("5.1.")) return drop_return(back, "its sender does not exist");
  const Result<uint64_t> id = spool_->new_id();
  if (!id) return postpone(back, id.error().text);

  BounceFacts facts{*id, config_.hostname, config_.postmaster, now_unix(), std::min<uint64_t>(config_.bounce_size, kSmallMessage / 2)};
  Change change;
  change.body = make_bounce(facts, back.message, back.failures, original_of(*spool_, back.message, facts.max_original));
  if (change.body.size() > kSmallMessage) change.body = make_bounce(facts, back.message, back.failures, {});
  if (change.body.size() > kSmallMessage) back.failures.resize(20), change.body = make_bounce(facts, back.message, back.failures, {});
  Message& m = change.message.emplace();
  m.id = *id;
  m.received = facts.now;
  m.size = change.body.size();
  m.recipients = 1;
  m.is_bounce = true;
  Envelope& e = change.put.emplace_back();
  e.id = {*id, 0};
  e.kind = to == nullptr || to->relay ? Kind::kRelay : Kind::kLocal;
  e.original = e.recipient = back.message.sender;
  if (e.kind == Kind::kLocal) e.account = to->account, e.detail = to->detail;
  if (e.kind == Kind::kRelay && to != nullptr) e.action = to->action;
  e.next_try = facts.now;
  e.expiry = facts.now + (config_.lifetime != 0 ? static_cast<int64_t>(config_.lifetime) : RetryPolicy().lifetime);
  change.removed = back.ids;
  ++counters_.bounces;
  log::info("bounced").kv("msg", hex64(back.message.id)).kv("report", hex64(*id)).kv("to", e.recipient)
      .kv("kind", e.kind == Kind::kLocal ? "local" : "relay").kv("recipients", back.failures.size());
  const Message message = m;
  std::vector<Envelope> envelopes = change.put;
  replaced_.push_back({spool_->stage(std::move(change)), back.ids, message, std::move(envelopes)});
}

}  // namespace mailkeep::queue
