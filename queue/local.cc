// Delivery to local accounts. See local.h.
// SPDX-License-Identifier: ISC
#include "queue/local.h"

#include <fcntl.h>

#include <algorithm>

#include "lib/base/text.h"
#include "lib/log/log.h"
#include "lib/smtp/reply.h"

namespace mailkeep::queue {

namespace {

constexpr size_t kBatch = 256;
// With the parent, before it is asked again: it answers every question, but it starts few processes at a time, and a
// thousand may be asked for at once. An answer to anyone shows that it is at work.
constexpr Seconds kPatience(10);
constexpr Millis kFirstPause(100);
constexpr uint32_t kMaxDoublings = 9;  // about 50 s

}  // namespace

void Local::add(const Message& message, const Envelope& envelope, int content) {
  if (envelope.hold != Hold::kNone || envelope.next_try > now_unix()) return;  // it waits on disk
  if (envelope.account.empty()) {
    if (items_.size() >= kInMemory) return;  // found on disk a second later, as all that does not fit
    items_.emplace(envelope.id, Item{envelope, State::kFailing});  // until it has one
    return calls_.reroute(envelope);
  }
  Account& account = accounts_[envelope.account];
  if (items_.size() >= kInMemory || account.waiting.size() >= kWaitingEach) {
    account.behind = true;
    return;
  }
  Item& item = items_.emplace(envelope.id, Item{envelope}).first->second;
  held_.keep(message, content, item.holds);
  account.waiting.push_back(envelope.id);
  pump(envelope.account, account);
}

// From disk: what is new here is taken up, or marks its account as behind.
void Local::take(const Envelope& envelope, int64_t now) {
  if (items_.contains(envelope.id)) return;
  if (envelope.account.empty()) {
    items_.emplace(envelope.id, Item{envelope, State::kFailing});  // until it has one
    calls_.reroute(envelope);
    return;
  }
  Account& account = accounts_[envelope.account];
  if (account.waiting.size() >= kWaitingEach) {
    account.behind = true;
    return;
  }
  Item& item = items_.emplace(envelope.id, Item{envelope}).first->second;
  if (envelope.attempts > 0 && is_expired(envelope, now)) {
    fail(item, "5.4.7",
         envelope.last_error.empty() ? "delivery time expired" : "delivery time expired; last: " + envelope.last_error);
    return;
  }
  account.waiting.push_back(envelope.id);
}

bool Local::load(int64_t now) {
  if (generation_ != spool_.generation() || now < seen_.time) {
    generation_ = spool_.generation();
    seen_ = {};
    for (auto& [name, account] : accounts_) account.seen = {};
  }
  bool more = false;
  if (items_.size() < kInMemory) {
    const auto batch = spool_.due(Kind::kLocal, seen_, now - 1, kBatch);
    if (!batch) {
      log::error("queue-load-failed").kv("why", batch.error().text);
      return false;
    }
    for (const Envelope& e : *batch) {
      take(e, now);
      seen_ = {e.next_try, e.id};
    }
    more = !batch->empty();
  }
  const Micros clock = now_monotonic();
  for (auto it = accounts_.begin(); it != accounts_.end();) {
    Account& account = it->second;
    if (account.behind && account.waiting.size() < kWaitingEach / 2) catch_up(it->first, account, now);
    if (clock >= account.paused_until) pump(it->first, account);
    const bool idle = !account.user && account.asked == Micros(0) && !account.behind && account.waiting.empty() &&
                      account.handed == 0 && account.stored.empty() && clock >= account.paused_until;
    it = idle ? accounts_.erase(it) : std::next(it);
  }
  return more;
}

void Local::catch_up(const std::string& name, Account& account, int64_t now) {
  const auto batch = spool_.due_at(Kind::kLocal, lower(name), account.seen, now - 1, kBatch);
  if (!batch) {
    log::error("queue-load-failed").kv("account", name).kv("why", batch.error().text);
    return;
  }
  for (const Envelope& e : *batch) {
    take(e, now);
    account.seen = {e.next_try, e.id};
  }
  if (batch->empty()) {
    account.behind = false;
    account.seen = {};
  }
}

void Local::pump(const std::string& name, Account& account) {
  if (account.waiting.empty() || name.empty()) return;
  if (account.paused_until > Micros(0)) {
    if (now_monotonic() < account.paused_until) return;
    account.paused_until = Micros(0);
  }
  if (!account.user) {
    const Micros clock = now_monotonic();
    if (account.asked != Micros(0) && clock < std::max(account.asked, answered_) + kPatience) return;
    account.asked = clock;
    calls_.need_user(name);
    return;
  }
  while (!account.waiting.empty() && account.handed < kHandedEach && account.stored.size() < kStoredEach &&
         !account.suspect_in_hand) {
    const auto it = items_.find(account.waiting.front());
    const bool is_suspect = it != items_.end() && it->second.suspect;
    if (is_suspect && account.handed > 0) return;
    if (it != items_.end() && it->second.state == State::kWaiting) {
      if (!hand_over(account, it->second)) return;
      account.suspect_in_hand = is_suspect && it->second.state == State::kHanded;
    }
    account.waiting.pop_front();
  }
}

// False: not now.
bool Local::hand_over(Account& account, Item& item) {
  spool_.take_in_hand(item.envelope.id.message);
  const auto found = held_.hold(item.envelope.id.message, item.holds);
  if (!found) {
    release(item);
    log::error("queue-read-failed").kv("msg", hex64(item.envelope.id.message)).kv("why", found.error().text);
    if (found.error().code != EBADMSG) return false;
    fail(item, "5.3.0", "the message was damaged in this server's storage");
    return true;
  }
  const HeldMessages::Held* held = *found;
  user::Deliver deliver;
  deliver.envelope = item.envelope.id;
  deliver.sender = item.envelope.sender.empty() ? held->message.sender : item.envelope.sender;
  deliver.recipient = item.envelope.recipient;
  deliver.detail = item.envelope.detail;
  deliver.original = item.envelope.original;
  deliver.action = item.envelope.action;
  deliver.via = item.envelope.via;
  deliver.size = held->message.size;
  deliver.junk = held->message.options.junk;
  deliver.content.reset(::fcntl(held->content.get(), F_DUPFD_CLOEXEC, 3));
  if (!deliver.content || !calls_.deliver(*account.user, deliver)) return false;
  release(item);
  item.state = State::kHanded;
  ++account.handed;
  return true;
}

void Local::user_up(uint32_t user, const std::string& name) {
  Account& account = accounts_[name];
  if (account.user) user_down(*account.user);
  users_[user] = name;
  account.user = user;
  account.asked = Micros(0);
  answered_ = now_monotonic();
  pump(name, account);
}

void Local::user_down(uint32_t user) {
  const auto it = users_.find(user);
  if (it == users_.end()) return;
  const std::string name = it->second;
  users_.erase(it);
  Account& account = accounts_[name];
  if (account.user != user) return;
  account.user.reset();
  account.asked = Micros(0);
  // Whatever it had is handed over again, oldest first; it recognises what it has already.
  const bool was_alone = account.handed == 1;
  std::vector<EnvelopeId> again, poison;
  for (auto& [id, item] : items_) {
    if (item.envelope.account != name || (item.state != State::kHanded && item.state != State::kStored)) continue;
    const bool blamed = was_alone && item.state == State::kHanded;
    item.suspect = item.suspect || item.state == State::kHanded;
    item.state = State::kWaiting;
    (blamed && ++item.ends >= kMaxEnds ? poison : again).push_back(id);
  }
  for (const EnvelopeId& id : poison) quarantine(items_.find(id)->second);
  account.handed = 0;
  account.suspect_in_hand = false;
  account.stored.clear();
  std::sort(again.begin(), again.end());
  account.waiting.insert(account.waiting.begin(), again.begin(), again.end());
  if (!again.empty()) {
    account.paused_until = now_monotonic() + kFirstPause * (1 << std::min(account.ends++, kMaxDoublings));
    log::warn("user-ended").kv("account", name).kv("again", again.size());
  } else {
    pump(name, account);
  }
}

void Local::user_failed(const std::string& name, bool permanent, const std::string& text, int64_t now) {
  answered_ = now_monotonic();
  const auto it = accounts_.find(name);
  if (it == accounts_.end()) return;
  it->second.asked = Micros(0);
  for (const EnvelopeId& id : std::exchange(it->second.waiting, {})) {
    const auto found = items_.find(id);
    if (found == items_.end() || found->second.state != State::kWaiting) continue;
    if (permanent) {
      fail(found->second, "5.1.1", text);
    } else {
      put_off(found->second, text, now);
    }
  }
}

Local::Item* Local::item_of(uint32_t user, const EnvelopeId& id, Account*& account) {
  const auto name = users_.find(user);
  const auto it = items_.find(id);
  if (name == users_.end() || it == items_.end() || it->second.state != State::kHanded) return nullptr;
  if (it->second.envelope.account != name->second) return nullptr;
  account = &accounts_[name->second];
  return &it->second;
}

bool Local::is_of_another(uint32_t user, const EnvelopeId& id) const {
  const auto name = users_.find(user);
  const auto it = items_.find(id);
  return name != users_.end() && it != items_.end() && it->second.envelope.account != name->second;
}

bool Local::stored(uint32_t user, const Stored& stored) {
  Account* account = nullptr;
  Item* item = item_of(user, stored.envelope, account);
  if (item == nullptr) return false;
  item->state = State::kStored;
  item->suspect = account->suspect_in_hand = false;
  --account->handed;
  account->ends = 0;
  account->uid = stored.uid;
  account->stored.emplace(stored.sequence, stored.envelope);
  ++delivered_;
  log::info("delivered")
      .kv("msg", hex64(stored.envelope.message))
      .kv("envelope", stored.envelope.number)
      .kv("account", item->envelope.account)
      .kv("to", item->envelope.recipient)
      .kv("duplicate", stored.duplicate ? 1 : 0);
  pump(item->envelope.account, *account);
  return true;
}

std::optional<Envelope> Local::forwarded(uint32_t user, const EnvelopeId& id) {
  Account* account = nullptr;
  Item* item = item_of(user, id, account);
  if (item == nullptr) return {};
  item->state = State::kFailing;
  item->suspect = account->suspect_in_hand = false;
  --account->handed;
  account->ends = 0;
  const Envelope out = item->envelope;
  pump(out.account, *account);
  return out;
}

bool Local::rejected(uint32_t user, const Rejected& rejected, int64_t now) {
  Account* account = nullptr;
  Item* item = item_of(user, rejected.envelope, account);
  if (item == nullptr) return false;
  account->suspect_in_hand = false;
  --account->handed;
  const std::string name = item->envelope.account;
  const std::string text = rejected.enhanced + " " + rejected.text;
  if (rejected.temporary) {
    put_off(*item, text, now, rejected.uid);
  } else {
    fail(*item, smtp::is_enhanced_code(rejected.enhanced) && rejected.enhanced[0] == '5' ? rejected.enhanced : "5.0.0",
         printable(rejected.text, kMaxReplyText - 4), rejected.uid);
  }
  pump(name, *account);
  return true;
}

void Local::durable(uint32_t user, uint64_t sequence) {
  const auto name = users_.find(user);
  if (name == users_.end()) return;
  Account& account = accounts_[name->second];
  const auto end = account.stored.upper_bound(sequence);
  for (auto it = account.stored.begin(); it != end; ++it) {
    if (const auto item = items_.find(it->second); item != items_.end()) calls_.stored(item->second.envelope);
    settlements_.remove(it->second, {now_unix(), How::kStored, account.uid, "", "", "in the mailbox"});
  }
  account.stored.erase(account.stored.begin(), end);
  pump(name->second, account);
}

void Local::quarantine(Item& item) {
  Envelope next = item.envelope;
  next.hold = Hold::kQuarantine;
  next.last_error = "quarantined: the account's process ended " + std::to_string(kMaxEnds) + " times with it in hand";
  release(item);
  item.state = State::kFailing;
  log::error("quarantined")
      .kv("msg", hex64(next.id.message))
      .kv("envelope", next.id.number)
      .kv("account", next.account)
      .kv("to", next.recipient);
  Attempt attempt{now_unix(), How::kQuarantined, kNoUid, "", "", next.last_error};
  settlements_.put_off(std::move(next), std::move(attempt));
}

void Local::put_off(Item& item, const std::string& text, int64_t now, uint32_t uid) {
  Envelope next = item.envelope;
  ++next.attempts;
  next.last_error = printable(text, kMaxReplyText - 4);
  next.next_try = next_try_of(policy_, next, now);
  release(item);
  item.state = State::kFailing;
  if (is_expired(next, now)) {
    fail(item, "5.4.7", "delivery time expired; last: " + next.last_error, uid);
    return;
  }
  ++deferred_;
  log::info("deferred")
      .kv("msg", hex64(next.id.message))
      .kv("envelope", next.id.number)
      .kv("account", next.account)
      .kv("to", next.recipient)
      .kv("attempts", next.attempts)
      .kv("next", next.next_try)
      .kv("text", next.last_error);
  if (next.warn_at != 0 && now >= next.warn_at) {
    next.warn_at = 0;
    calls_.delayed(next);
  }
  Attempt attempt{now, How::kDeferred, uid, "", "", next.last_error};
  settlements_.put_off(std::move(next), std::move(attempt));
}

void Local::fail(Item& item, const std::string& status, const std::string& text, uint32_t uid) {
  release(item);
  item.state = State::kFailing;
  const Envelope envelope = item.envelope;  // the call may forget it
  calls_.failed(envelope, status, text, uid);
}

void Local::forget(const EnvelopeId& id) {
  const auto it = items_.find(id);
  if (it == items_.end()) return;
  release(it->second);
  Account& account = accounts_[it->second.envelope.account];
  if (it->second.state == State::kHanded) --account.handed, account.suspect_in_hand = false;
  if (it->second.state == State::kStored)
    std::erase_if(account.stored, [&id](const auto& entry) { return entry.second == id; });
  items_.erase(it);
}

void Local::try_again(const EnvelopeId& id, const std::string& text, int64_t now) {
  const auto it = items_.find(id);
  if (it != items_.end()) put_off(it->second, text, now);
}

bool Local::withdraw(const EnvelopeId& id) {
  const auto it = items_.find(id);
  if (it == items_.end()) return true;
  if (it->second.state != State::kWaiting) return false;
  Account& account = accounts_[it->second.envelope.account];
  account.behind = true;
  account.seen = {};
  release(it->second);
  items_.erase(it);
  return true;
}

void Local::fail_now(const Envelope& envelope, const std::string& status, const std::string& text) {
  fail(items_.insert_or_assign(envelope.id, Item{envelope, State::kFailing}).first->second, status, text);
}

void Local::retry_now(const std::string& account) {
  const auto it = accounts_.find(account);
  if (it != accounts_.end()) it->second.paused_until = Micros(0);
}

void Local::shift_clock(Micros when) {
  answered_ = when;
  for (auto& [name, account] : accounts_) account.asked = account.asked == Micros(0) ? account.asked : when;
}

void Local::stage() { settlements_.stage(); }

void Local::committed(const std::vector<Status>& results) {
  for (const EnvelopeId& id : settlements_.committed(results)) items_.erase(id);
}

std::string_view Local::state_of(const EnvelopeId& id) const {
  const auto it = items_.find(id);
  if (it == items_.end()) return "waiting";
  switch (it->second.state) {
    case State::kWaiting: return "waiting";
    case State::kHanded: return "delivering";
    case State::kStored: return "stored";
    case State::kFailing: return "failing";
  }
  return "waiting";
}

}  // namespace mailkeep::queue
