// Mail to other hosts: what relay said, and what follows. See remote.h.
// SPDX-License-Identifier: ISC
#include <algorithm>

#include "lib/base/text.h"
#include "lib/log/log.h"
#include "queue/remote.h"

namespace mailkeep::queue {

namespace {

// "550 5.1.1 no such user"; a reply that was never given has no code.
std::string words_of(const relay::Result& r) {
  std::string out = r.code == 0 ? std::string() : std::to_string(r.code) + " ";
  if (!r.enhanced.empty()) out += r.enhanced + " ";
  return out + r.text;
}

constexpr int64_t kLongestHold = 2 * 86400;  // seconds

bool is_permanent_status(std::string_view status) { return status.starts_with("5."); }

}  // namespace

bool Remote::transferred(uint32_t instance, const relay::Transferred& result, int64_t now) {
  const auto it = transfers_.find(result.transfer);
  if (it == transfers_.end() || it->second.instance != instance) return false;
  const Sent sent = std::move(it->second);
  transfers_.erase(it);
  if (sent.suspect) --suspects_;
  for (const EnvelopeId& id : sent.ids) {
    const auto item = items_.find(id);
    if (item == items_.end() || item->second.state != State::kSent) continue;  // removed by hand meanwhile
    item->second.ends = 0;
    const auto r = std::find_if(result.results.begin(), result.results.end(),
                                [&](const relay::Result& x) { return x.number == id.number; });
    if (r != result.results.end()) {
      settle(item->second, *r, result, now);
    } else {
      put_off(item->second, "4.3.0 no result", now);
    }
  }
  judge(sent, result, now);
  return true;
}

void Remote::settle(Item& item, const relay::Result& r, const relay::Transferred& result, int64_t now) {
  const Envelope& e = item.envelope;
  if (r.outcome == relay::Outcome::kHeld) {
    if (!is_expired(e, now)) return hold(item, r.text, std::clamp(result.held_until, now + 1, now + kLongestHold));
    item.envelope.last_error = r.text;
    return expire(item);
  }
  current_ = {now,         How::kDeferred, kNoUid,
              result.host, result.tls,     printable(words_of(r), kMaxReplyText - 4).substr(0, kMaxReplyText)};
  if (r.outcome == relay::Outcome::kTemporary) {
    return put_off(item, (result.host.empty() ? std::string() : result.host + ": ") + words_of(r), now);
  }
  if (r.outcome == relay::Outcome::kPermanent) {
    return fail(item, {is_permanent_status(r.enhanced) ? r.enhanced : "5.0.0", words_of(r),
                       r.code == 0 ? std::string() : result.host, result.tls});
  }
  ++relayed_;
  log::info("relayed")
      .kv("msg", hex64(e.id.message))
      .kv("envelope", e.id.number)
      .kv("to", e.recipient)
      .kv("host", result.host)
      .kv("tls", result.tls)
      .kv("code", r.code)
      .kv("text", r.enhanced + " " + r.text);
  calls_.relayed(e, {r.enhanced.empty() ? "2.0.0" : r.enhanced, words_of(r), result.host}, result.dsn);
  item.state = State::kFailing;  // until the removal is durable
  current_.how = How::kRelayed;
  count(e, How::kRelayed, current_.text);
  settlements_.remove(e.id, std::exchange(current_, {}));
}

// What the result says of its destination.
void Remote::judge(const Sent& sent, const relay::Transferred& result, int64_t now) {
  const auto it = destinations_.find(sent.way);
  if (it == destinations_.end()) return;
  Destination& d = it->second;
  --d.active;
  if (result.host_failed) {
    const std::string text = result.results.empty() ? std::string("unreachable") : words_of(result.results.front());
    if (sent.epoch == d.epoch) unreachable(sent.way, d, text, now);
    return;
  }
  const bool is_held = std::any_of(result.results.begin(), result.results.end(),
                                   [](const relay::Result& r) { return r.outcome == relay::Outcome::kHeld; });
  if (is_held) {  // no fault of the destination's: it goes on where it was
    d.last_error = result.results.back().text.substr(0, kMaxReplyText);
    d.paused_until = std::clamp(result.held_until, now + 1, now + kLongestHold);
    return unload(d);
  }
  const bool all_put_off = std::all_of(result.results.begin(), result.results.end(),
                                       [](const relay::Result& r) { return r.outcome == relay::Outcome::kTemporary; });
  if (d.failures > 0) {
    log::info("destination-up").kv("domain", sent.way.domain).kv("action", sent.way.action).kv("after", d.failures);
    d.failures = 0;
    d.paused_until = 0;
    d.limit = kFirstLimit;
    d.behind = true;
    d.seen = {};
  }
  if (all_put_off) {
    d.growing = false;
    d.limit = std::max(1.0, d.limit / 2);
  } else {
    d.limit = std::min(kMostLimit, d.limit + (d.growing ? 1 : 1 / d.limit));
  }
  ready_.insert(sent.way);
  if (transfers_.size() + 1 < kTransfers) return pump_one(sent.way, d, now);
}

void Remote::unreachable(const Way& way, Destination& d, const std::string& text, int64_t now) {
  ++d.epoch;
  ++d.failures;
  d.growing = false;
  d.limit = 1;
  d.last_error = text.substr(0, kMaxReplyText);
  d.paused_until = next_probe(policy_, d.failures, now);
  unload(d);
  log::info("destination-down")
      .kv("domain", way.domain)
      .kv("action", way.action)
      .kv("failures", d.failures)
      .kv("until", d.paused_until)
      .kv("text", d.last_error);
}

// What waits for it in memory goes on waiting on disk.
void Remote::unload(Destination& d) {
  for (const auto& [message, ids] : std::exchange(d.waiting, {})) {
    for (const EnvelopeId& id : ids) {
      const auto it = items_.find(id);
      release(it->second);
      items_.erase(it);
    }
  }
  d.count = 0;
  d.behind = true;
  d.seen = {};
}

// Its transfers are tried again: at once, but a message that it ended with too often waits.
void Remote::relay_down(uint32_t instance, int64_t now) {
  size_t again = 0;
  for (auto it = transfers_.begin(); it != transfers_.end();) {
    if (it->second.instance != instance) {
      ++it;
      continue;
    }
    const Sent sent = std::move(it->second);
    it = transfers_.erase(it);
    if (sent.suspect) --suspects_;
    const auto d = destinations_.find(sent.way);
    if (d != destinations_.end()) --d->second.active;
    for (const EnvelopeId& id : sent.ids) {
      const auto item = items_.find(id);
      if (item == items_.end() || item->second.state != State::kSent) continue;
      if (++item->second.ends >= kMaxEnds) {
        quarantine(item->second);
        continue;
      }
      if (d == destinations_.end()) {
        put_off(item->second, "4.3.0 the sending process ended", now);
        continue;
      }
      item->second.state = State::kWaiting;
      put_back(d->second, {id});
      ready_.insert(sent.way);
      ++again;
    }
  }
  if (again > 0) log::warn("relay-ended").kv("again", again);
}

void Remote::put_off(Item& item, const std::string& text, int64_t now, bool may_expire) {
  Envelope next = item.envelope;
  ++next.attempts;
  next.last_error = printable(text, kMaxReplyText - 4);
  next.next_try = next_try_of(policy_, next, now);
  release(item);
  item.state = State::kFailing;
  item.envelope.last_error = next.last_error;
  if (may_expire && is_expired(next, now)) return expire(item);
  ++deferred_;
  log::info("deferred")
      .kv("msg", hex64(next.id.message))
      .kv("envelope", next.id.number)
      .kv("to", next.recipient)
      .kv("attempts", next.attempts)
      .kv("next", next.next_try)
      .kv("text", next.last_error);
  Attempt attempt = std::exchange(current_, {});
  if (attempt.at == 0) attempt = {now, How::kDeferred, kNoUid, "", "", next.last_error};
  count(next, How::kDeferred, next.last_error);
  if (next.warn_at != 0 && now >= next.warn_at) return warn(std::move(next), std::move(attempt));
  settlements_.put_off(std::move(next), std::move(attempt));
}

void Remote::count(const Envelope& envelope, How how, const std::string& reply) {
  const std::string domain = destination(envelope);
  auto it = tallies_.find(domain);
  if (it == tallies_.end()) {
    if (tallies_.size() >= kTallies) return;
    it = tallies_.emplace(domain, Tally()).first;
  }
  ++(how == How::kRelayed ? it->second.accepted : how == How::kFailed ? it->second.failed : it->second.deferred);
  it->second.last_reply = reply.substr(0, kMaxReplyText);
}

std::vector<DestinationStat> Remote::actions_down(size_t most) const {
  std::vector<DestinationStat> out;
  for (const auto& [way, d] : destinations_) {
    if (!way.domain.empty() || d.failures == 0) continue;
    if (out.size() == most) break;
    DestinationStat& stat = out.emplace_back();
    stat.name = "action " + way.action;
    stat.relay = true;
    stat.paused_until = d.paused_until;
    stat.last_reply = d.last_error;
  }
  return out;
}

int64_t Remote::paused_until(const std::string& domain) const {
  int64_t out = 0;
  for (const auto& [way, d] : destinations_) {
    if (way.domain == domain && d.failures > 0) out = std::max(out, d.paused_until);
  }
  return out;
}

// Its sender is told once, whatever becomes of that: the envelope does not come back to it.
void Remote::warn(Envelope envelope, std::optional<Attempt> attempt) {
  envelope.warn_at = 0;
  Envelope told = envelope;
  if (told.last_error.empty()) told.last_error = trouble_of(envelope);
  calls_.delayed(told);
  settlements_.put_off(std::move(envelope), std::move(attempt));
}

void Remote::quarantine(Item& item) {
  Envelope next = item.envelope;
  next.hold = Hold::kQuarantine;
  next.last_error = "quarantined: the sending process ended " + std::to_string(kMaxEnds) + " times with it in hand";
  release(item);
  item.state = State::kFailing;
  log::error("quarantined").kv("msg", hex64(next.id.message)).kv("envelope", next.id.number).kv("to", next.recipient);
  Attempt attempt{now_unix(), How::kQuarantined, kNoUid, "", "", next.last_error};
  settlements_.put_off(std::move(next), std::move(attempt));
}

// Not tried, so it counts as no attempt.
void Remote::hold(Item& item, const std::string& text, int64_t until) {
  Envelope next = item.envelope;
  next.last_error = printable(text, kMaxReplyText - 4);
  next.next_try = std::min(until, next.expiry);
  release(item);
  item.state = State::kFailing;
  item.envelope.last_error = next.last_error;
  settlements_.put_off(std::move(next));
}

void Remote::expire(Item& item) {
  std::string last = item.envelope.last_error;
  const auto d = destinations_.find(item.way);
  if (last.empty() && d != destinations_.end()) last = d->second.last_error;
  fail(item, {"5.4.7", last.empty() ? "delivery time expired" : "delivery time expired; last: " + last, ""});
}

void Remote::fail(Item& item, const Cause& cause) {
  release(item);
  item.state = State::kFailing;
  const Envelope envelope = item.envelope;  // the call may forget it
  current_ = {};
  count(envelope, How::kFailed, cause.text);
  calls_.failed(envelope, cause);
}

void Remote::forget(const EnvelopeId& id) {
  const auto it = items_.find(id);
  if (it == items_.end()) return;
  release(it->second);
  const auto d = destinations_.find(it->second.way);
  if (it->second.state == State::kWaiting && d != destinations_.end()) {
    const auto waiting = d->second.waiting.find(order_of(it->second.envelope));
    if (waiting != d->second.waiting.end()) {
      d->second.count -= std::erase(waiting->second, id);
      if (waiting->second.empty()) d->second.waiting.erase(waiting);
    }
  }
  settlements_.forget(id);
  items_.erase(it);
}

// A failure that could not be reported now. It has expired, perhaps: then it comes back when it is due.
void Remote::try_again(const EnvelopeId& id, const std::string& text, int64_t now) {
  const auto it = items_.find(id);
  if (it != items_.end()) put_off(it->second, text, now, false);
}

bool Remote::withdraw(const EnvelopeId& id) {
  const auto it = items_.find(id);
  if (it == items_.end()) return true;
  if (it->second.state != State::kWaiting) return false;
  if (const auto d = destinations_.find(it->second.way); d != destinations_.end())
    d->second.behind = true, d->second.seen = {};
  forget(id);
  return true;
}

void Remote::fail_now(const Envelope& envelope, const Cause& cause) {
  fail(items_.insert_or_assign(envelope.id, Item{envelope, way_of(envelope)}).first->second, cause);
}

void Remote::retry_now(const Envelope& envelope) {
  const auto d = destinations_.find(way_of(envelope));
  if (d == destinations_.end()) return;
  d->second.paused_until = 0;
  d->second.behind = true;
  d->second.seen = {};
  ready_.insert(d->first);
}

std::string Remote::trouble_of(const Envelope& envelope) const {
  const auto d = destinations_.find(way_of(envelope));
  return d == destinations_.end() || d->second.failures == 0 ? std::string() : d->second.last_error;
}

void Remote::stage() { settlements_.stage(); }

void Remote::committed(const std::vector<Status>& results) {
  for (const EnvelopeId& id : settlements_.committed(results)) items_.erase(id);
}

std::string_view Remote::state_of(const EnvelopeId& id) const {
  const auto it = items_.find(id);
  if (it == items_.end()) return "waiting";
  switch (it->second.state) {
    case State::kWaiting: return "waiting";
    case State::kSent: return "delivering";
    case State::kFailing: return "failing";
  }
  return "waiting";
}

}  // namespace mailkeep::queue
