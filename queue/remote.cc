// Mail to other hosts: what is in memory, and what is handed over. See remote.h.
// SPDX-License-Identifier: ISC
#include "queue/remote.h"

#include <fcntl.h>

#include <algorithm>

#include "lib/base/text.h"
#include "lib/log/log.h"

namespace mailkeep::queue {

namespace {

constexpr size_t kBatch = 256;
constexpr int64_t kLongestSweep = 15 * 60;  // seconds between looks for expired mail of destinations that are down

}  // namespace

void Remote::set_relays(std::vector<RelayAction> relays) {
  relays_ = std::move(relays);
  seen_ = {};  // what had no way may have one now
}

const RelayAction* Remote::action_of(const std::string& name) const {
  const auto it = std::find_if(relays_.begin(), relays_.end(),
                               [&](const RelayAction& a) { return name.empty() ? !a.lmtp : a.name == name; });
  return it == relays_.end() ? nullptr : &*it;
}

// Mail that names no action waits, if none is for it.
bool Remote::has_way(const Envelope& envelope) const {
  return !envelope.action.empty() ? !relays_.empty() : action_of("") != nullptr;
}

bool Remote::is_lmtp(const Envelope& envelope) const {
  const RelayAction* action = action_of(envelope.action);
  return action != nullptr && action->lmtp;
}

// An action that is gone from the configuration goes by MX, as far as this process cares; relay says what is wrong.
Remote::Way Remote::way_of(const Envelope& envelope) const {
  const RelayAction* action = action_of(envelope.action);
  if (action == nullptr) return {envelope.action, destination(envelope)};
  return {action->name, action->one_way ? std::string() : destination(envelope)};
}

Remote::Destination* Remote::find_or_make(const Way& way) {
  const auto it = destinations_.find(way);
  if (it != destinations_.end()) return &it->second;
  if (destinations_.size() >= kDestinations) {
    overflow_ = true;
    return nullptr;
  }
  return &destinations_[way];
}

// A destination that is being probed takes one message.
bool Remote::takes_more(const Destination& d, int64_t now) const {
  if (items_.size() >= kInMemory || now < d.paused_until) return false;
  return d.failures > 0 ? d.count + d.active == 0 : d.count < kWaitingEach;
}

Remote::Item& Remote::enqueue(const Envelope& envelope, const Way& way, Destination& d) {
  Item& item = items_.emplace(envelope.id, Item{envelope, way}).first->second;
  d.waiting[order_of(envelope)].push_back(envelope.id);
  ++d.count;
  ready_.insert(way);
  return item;
}

void Remote::add(const Message& message, const Envelope& envelope, int content, int64_t now) {
  if (!has_way(envelope) || envelope.hold != Hold::kNone || envelope.next_try > now || items_.contains(envelope.id))
    return;  // the scan finds it
  const Way way = way_of(envelope);
  Destination* d = find_or_make(way);
  if (d == nullptr) return;
  if (!takes_more(*d, now)) {
    d->behind = true;
    return;
  }
  Item& item = enqueue(envelope, way, *d);
  held_.keep(message, content, item.holds);
}

// From disk: what is new here is taken up, or marks its destination as behind.
void Remote::take(const Envelope& envelope, int64_t now) {
  if (items_.contains(envelope.id) || !has_way(envelope)) return;
  const Way way = way_of(envelope);
  Destination* d = find_or_make(way);
  if (d == nullptr) return;
  if (is_expired(envelope, now) && (envelope.attempts > 0 || d->failures > 0)) {
    expire(items_.emplace(envelope.id, Item{envelope, way}).first->second);
  } else if (takes_more(*d, now)) {
    enqueue(envelope, way, *d);
  } else {
    d->behind = true;
  }
}

bool Remote::load(int64_t now) {
  if (generation_ != spool_.generation() || now < seen_.time) {
    generation_ = spool_.generation();
    seen_ = {};
    for (auto& [way, d] : destinations_) d.seen = {}, d.paused_until = std::min(d.paused_until, now + policy_.longest);
  }
  if (overflow_ && destinations_.size() < kDestinations / 2) {
    overflow_ = false;
    seen_ = {};
  }
  if (relays_.empty()) return sweep(now);
  if (next_sweep_ == 0) next_sweep_ = now + sweep_pause();  // the first scan meets all that a sweep would
  const bool more = scan(now) || sweep(now);                // what may go comes first
  for (auto it = destinations_.begin(); it != destinations_.end();) {
    Destination& d = it->second;
    if (d.behind && takes_more(d, now) && d.count < kWaitingEach / 2) catch_up(it->first, d, now);
    if (d.count > 0) ready_.insert(it->first);
    const bool idle = d.count == 0 && d.active == 0 && !d.behind && now >= d.paused_until;
    it = idle ? destinations_.erase(it) : std::next(it);
  }
  pump(now);
  return more;
}

// The next of what is due, of all destinations. Only seconds that are over, so nothing can appear behind the scan.
bool Remote::scan(int64_t now) {
  if (items_.size() >= kInMemory) return false;
  const auto batch = spool_.due(Kind::kRelay, seen_, now - 1, kBatch);
  if (!batch) {
    log::error("queue-load-failed").kv("why", batch.error().text);
    return false;
  }
  for (const Envelope& e : *batch) {
    take(e, now);
    seen_ = {e.next_try, e.id};
  }
  return !batch->empty();
}

// Mail that waits untouched because its destination is down (or because no action relays any more) must end too.
bool Remote::sweep(int64_t now) {
  if (now < next_sweep_ && next_sweep_ - now <= kLongestSweep) return false;
  const auto batch = spool_.due(Kind::kRelay, swept_, now - 1, kBatch);
  if (!batch) {
    log::error("queue-load-failed").kv("why", batch.error().text);
    return false;
  }
  for (const Envelope& e : *batch) {
    swept_ = {e.next_try, e.id};
    if ((!is_expired(e, now) && (e.warn_at == 0 || now < e.warn_at)) || items_.contains(e.id)) continue;
    const Way way = way_of(e);
    const auto d = destinations_.find(way);
    const bool is_down = d != destinations_.end() && d->second.failures > 0;
    if (is_expired(e, now) && (e.attempts > 0 || !has_way(e) || is_down)) {
      expire(items_.emplace(e.id, Item{e, way}).first->second);
    } else if (e.warn_at != 0 && now >= e.warn_at && is_down) {
      items_.emplace(e.id, Item{e, way, State::kFailing});  // until that is on disk
      warn(e, {});
    }
  }
  if (!batch->empty()) return true;
  swept_ = {};
  next_sweep_ = now + sweep_pause();
  return false;
}

int64_t Remote::sweep_pause() const {
  const int64_t soonest = policy_.warn > 0 ? std::min(policy_.warn, policy_.lifetime) : policy_.lifetime;
  return std::clamp<int64_t>(soonest / 20, 1, kLongestSweep);
}

void Remote::catch_up(const Way& way, Destination& d, int64_t now) {
  const size_t most = d.failures > 0 ? 1 : kBatch;
  for (;;) {
    const auto batch = way.domain.empty() ? spool_.due(Kind::kRelay, d.seen, now - 1, most)
                                          : spool_.due_at(Kind::kRelay, way.domain, d.seen, now - 1, most);
    if (!batch) {
      log::error("queue-load-failed").kv("domain", way.domain).kv("why", batch.error().text);
      return;
    }
    if (batch->empty()) {
      d.behind = false;
      d.seen = {};
      return;
    }
    for (const Envelope& e : *batch) {
      if (!takes_more(d, now)) return;
      if (way_of(e) == way) take(e, now);
      d.seen = {e.next_try, e.id};
    }
    if (d.failures == 0 || !takes_more(d, now)) return;  // a probe goes on until it has its one
  }
}

void Remote::pump(int64_t now) {
  for (const Way& way : std::exchange(ready_, {})) {
    const auto it = destinations_.find(way);
    if (it != destinations_.end()) pump_one(way, it->second, now);
  }
}

void Remote::pump_one(const Way& way, Destination& d, int64_t now) {
  if (now < d.paused_until) return;
  if (d.behind && takes_more(d, now) && d.count < kWaitingEach / 4) catch_up(way, d, now);
  const auto allowed = static_cast<size_t>(d.failures > 0 ? 1 : d.limit);
  while (d.count > 0 && d.active < allowed) {
    if (transfers_.size() >= kTransfers || !may_go(d)) {
      ready_.insert(way);
      return;
    }
    if (!send_first(way, d)) return;
  }
}

bool Remote::may_go(const Destination& d) const {
  if (suspects_ == 0) return true;
  const auto first = items_.find(d.waiting.begin()->second.front());
  return first->second.ends == 0;
}

std::vector<EnvelopeId> Remote::take_first(Destination& d) {
  auto& ids = d.waiting.begin()->second;
  const size_t n = std::min(ids.size(), relay::kMaxTransferRecipients);
  std::vector<EnvelopeId> out(ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(n));
  ids.erase(ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(n));
  if (ids.empty()) d.waiting.erase(d.waiting.begin());
  d.count -= n;
  return out;
}

void Remote::put_back(Destination& d, const std::vector<EnvelopeId>& ids) {
  if (ids.empty()) return;
  const auto first = items_.find(ids.front());
  auto& waiting = d.waiting[order_of(first->second.envelope)];
  waiting.insert(waiting.begin(), ids.begin(), ids.end());
  d.count += ids.size();
}

// Those of `ids` that have another sender than the first, or another way behind them, wait for a transaction of their
// own.
void Remote::split_by_sender(Destination& d, std::vector<EnvelopeId>& ids) {
  const Envelope& first = items_.find(ids.front())->second.envelope;
  const auto others = std::stable_partition(ids.begin(), ids.end(), [&](const EnvelopeId& id) {
    const Envelope& e = items_.find(id)->second.envelope;
    return e.sender == first.sender && e.via == first.via;
  });
  put_back(d, {others, ids.end()});
  ids.erase(others, ids.end());
}

// The oldest message of the destination. False: not now.
bool Remote::send_first(const Way& way, Destination& d) {
  std::vector<EnvelopeId> ids = take_first(d);
  split_by_sender(d, ids);
  const std::string domain = way.domain.empty() ? destination(items_.find(ids.front())->second.envelope) : way.domain;
  if (domain.size() > kMaxDomain) {
    for (const EnvelopeId& id : ids) fail(items_.find(id)->second, {"5.1.2", "no domain can be so long", ""});
    return true;
  }
  Item& first = items_.find(ids.front())->second;
  spool_.take_in_hand(ids.front().message);
  const auto found = held_.hold(ids.front().message, first.holds);
  if (!found) {
    log::error("queue-read-failed").kv("msg", hex64(ids.front().message)).kv("why", found.error().text);
    release(first);
    if (found.error().code != EBADMSG) {
      put_back(d, ids);
      return false;
    }
    for (const EnvelopeId& id : ids)
      fail(items_.find(id)->second, {"5.3.0", "the message was damaged in this server's storage", ""});
    return true;
  }
  const HeldMessages::Held& held = **found;
  relay::Transfer t;
  t.transfer = ++last_transfer_;
  t.message = held.message.id;
  t.action = way.action;
  t.domain = domain;
  t.sender = first.envelope.sender.empty() ? held.message.sender : first.envelope.sender;
  t.options = held.message.options;
  for (const std::string& via : first.envelope.via) t.delivered_to.push_back(via.substr(via.find(' ') + 1));
  t.size = held.message.size;
  t.content.reset(::fcntl(held.content.get(), F_DUPFD_CLOEXEC, 3));
  for (const EnvelopeId& id : ids) {
    const Envelope& e = items_.find(id)->second.envelope;
    t.recipients.push_back({id.number, {e.account.empty() || !is_lmtp(e) ? e.recipient : e.account, e.options}});
  }
  const auto instance = t.content ? calls_.send(std::hash<std::string>()(way.domain), t) : std::nullopt;
  if (!instance) {
    put_back(d, ids);
    return false;
  }
  for (const EnvelopeId& id : ids) {
    Item& item = items_.find(id)->second;
    release(item);
    item.state = State::kSent;
  }
  ++d.active;
  const bool suspect = items_.find(ids.front())->second.ends > 0;
  if (suspect) ++suspects_;
  transfers_.emplace(t.transfer, Sent{way, *instance, d.epoch, ids, suspect});
  return true;
}

}  // namespace mailkeep::queue
