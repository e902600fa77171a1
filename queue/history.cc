// What became of envelopes. See history.h.
// SPDX-License-Identifier: ISC
#include "queue/history.h"

#include <algorithm>

#include "queue/tables.h"

namespace mailkeep::queue {

namespace {

constexpr size_t kPruned = 300;  // entries removed in one transaction

bool is_of(std::string_view key, const EnvelopeId& id) { return key.substr(0, 12) == envelope_key(id); }

int64_t time_of(const Life& life) { return life.ended; }
int64_t time_of(const Refusal& refusal) { return refusal.at; }

// The first ones, as many as are kept, and always the last.
void trim_tries(std::vector<Attempt>& tries) {
  size_t bytes = 0, kept = 0;
  for (; kept + 1 < tries.size() && kept + 1 < kMaxTries; ++kept) {
    bytes += tries[kept].text.size() + tries[kept].host.size() + tries[kept].tls.size();
    if (bytes > kMaxTryBytes) break;
  }
  if (kept + 1 < tries.size()) tries.erase(tries.begin() + static_cast<ptrdiff_t>(kept), tries.end() - 1);
}

}  // namespace

Life life_of(const Envelope& e, const Message& m) {
  Life f;
  f.id = e.id;
  f.relay = e.kind == Kind::kRelay;
  f.sender = m.sender;
  f.recipient = e.recipient;
  f.original = e.original;
  f.account = e.account;
  f.owner = m.account;
  f.action = e.action;
  f.rule = e.rule;
  f.source = m.source;
  f.helo = m.helo;
  f.tls = m.tls;
  f.session = m.session;
  f.protocol = m.protocol;
  f.message_id = m.message_id;
  f.size = m.size;
  f.arrived = m.received;
  f.attempts = e.attempts;
  return f;
}

Result<History::Ring> History::open_ring(db::Environment& environment, const char* name) {
  auto table = environment.table(name, kRecordPage);
  if (!table) return table.error();
  Ring ring{std::move(table).value()};
  auto cursor = db::Cursor::open(ring.table);
  if (!cursor) return cursor.error();
  const Result<bool> last = cursor->last();
  if (!last) return last.error();
  if (!*last) return ring;
  ring.next = parse_number_key(cursor->key()) + 1;
  const Result<bool> first = cursor->seek({});
  if (!first) return first.error();
  ring.first = *first ? parse_number_key(cursor->key()) : ring.next;
  return ring;
}

Result<History> History::open(db::Environment& environment) {
  auto attempts = environment.table(kAttempts, kRecordPage);
  if (!attempts) return attempts.error();
  auto finished = open_ring(environment, kFinished);
  if (!finished) return finished.error();
  auto refused = open_ring(environment, kRefused);
  if (!refused) return refused.error();
  History history(std::move(attempts).value(), std::move(finished).value(), std::move(refused).value());
  if (Status s = history.look_for_attempts(); !s) return s.error();
  return history;
}

Status History::look_for_attempts() {
  auto cursor = db::Cursor::open(attempts_);
  if (!cursor) return cursor.error();
  const Result<bool> any = cursor->last();
  if (!any) return any.error();
  maybe_attempts_ = *any;
  return {};
}

Status History::attempted(db::Transaction& txn, const EnvelopeId& id, const Attempt& attempt) {
  uint32_t number = 0;
  {
    auto cursor = db::Cursor::open(attempts_, &txn);
    if (!cursor) return cursor.error();
    Result<bool> more = cursor->seek(attempt_key(id, 0));
    for (; more && *more && is_of(cursor->key(), id); more = cursor->next()) ++number;
    if (!more) return more.error();
  }
  if (number + 1 >= kMaxTries) return {};
  maybe_attempts_ = true;
  return attempts_.put(txn, attempt_key(id, number), encode(PastAttempt{id, number, attempt}));
}

Status History::ended(db::Transaction& txn, const EnvelopeId& id, std::optional<Life> life) {
  std::vector<std::string> keys;
  std::vector<Attempt> before;
  if (maybe_attempts_) {
    auto cursor = db::Cursor::open(attempts_, &txn);
    if (!cursor) return cursor.error();
    Result<bool> more = cursor->seek(attempt_key(id, 0));
    for (; more && *more && is_of(cursor->key(), id); more = cursor->next()) {
      keys.emplace_back(cursor->key());
      if (auto past = decode_attempt(cursor->value()); past) before.push_back(std::move(past->attempt));
    }
    if (!more) return more.error();
  }
  for (const std::string& key : keys) {
    if (const Result<bool> gone = attempts_.erase(txn, key); !gone) return gone.error();
  }
  if (!life) return {};
  life->number = finished_.next + finished_.pending++;
  life->tries.insert(life->tries.begin(), std::make_move_iterator(before.begin()),
                     std::make_move_iterator(before.end()));
  trim_tries(life->tries);
  return finished_.table.put(txn, number_key(life->number), encode(*life));
}

Status History::refused(db::Transaction& txn, Refusal refusal) {
  refusal.number = refused_.next + refused_.pending++;
  return refused_.table.put(txn, number_key(refusal.number), encode(refusal));
}

void History::keep() {
  finished_.next += std::exchange(finished_.pending, 0);
  refused_.next += std::exchange(refused_.pending, 0);
}

std::vector<Attempt> History::attempts(const EnvelopeId& id) const {
  std::vector<Attempt> out;
  auto cursor = db::Cursor::open(attempts_);
  if (!cursor) return out;
  Result<bool> more = cursor->seek(attempt_key(id, 0));
  for (; more && *more && is_of(cursor->key(), id) && out.size() < kMaxTries; more = cursor->next()) {
    if (auto past = decode_attempt(cursor->value()); past) out.push_back(std::move(past->attempt));
  }
  return out;
}

template <class T, class Decode>
Result<std::vector<T>> History::list(const Ring& ring, uint64_t& from, size_t max, int64_t cutoff, Decode decode) {
  std::vector<T> out;
  auto cursor = db::Cursor::open(ring.table);
  if (!cursor) return cursor.error();
  Result<bool> more = cursor->seek(number_key(std::max(from, ring.first)));
  for (size_t looked = 0; more && *more && looked < max; ++looked, more = cursor->next()) {
    from = parse_number_key(cursor->key()) + 1;
    Result<T> one = decode(cursor->value());
    if (one && time_of(*one) >= cutoff) out.push_back(std::move(one).value());
  }
  if (!more) return more.error();
  return out;
}

Result<std::vector<Life>> History::lives(uint64_t& from, size_t max, int64_t cutoff) const {
  return list<Life>(finished_, from, max, cutoff, decode_life);
}

Result<std::vector<Refusal>> History::refusals(uint64_t& from, size_t max, int64_t cutoff) const {
  return list<Refusal>(refused_, from, max, cutoff, decode_refusal);
}

// The times grow with the numbers, but where the clock was set back: so what is found is taken a little early.
Result<uint64_t> History::first_since(int64_t time) const {
  constexpr int64_t kClockStep = 600;
  uint64_t low = finished_.first, high = finished_.next;
  while (low < high) {
    const uint64_t middle = low + (high - low) / 2;
    uint64_t from = middle;
    const auto there = lives(from, 1, INT64_MIN);
    if (!there) return there.error();
    if (there->empty() && from != middle) return finished_.first;  // it cannot be read
    if (there->empty() || there->front().ended + kClockStep >= time) {
      high = middle;
    } else {
      low = from;
    }
  }
  return low;
}

template <class Decode>
Result<bool> History::prune(db::Environment& environment, Ring& ring, int64_t cutoff, uint64_t most, Decode decode) {
  std::vector<std::string> old;
  uint64_t first = ring.first;
  bool more_to_do = false;
  {
    auto cursor = db::Cursor::open(ring.table);
    if (!cursor) return cursor.error();
    Result<bool> more = cursor->seek(number_key(ring.first));
    for (; more && *more; more = cursor->next()) {
      first = parse_number_key(cursor->key());
      const auto one = decode(cursor->value());
      if (ring.next - first <= most && one && time_of(*one) >= cutoff) break;
      if (more_to_do = old.size() == kPruned; more_to_do) break;
      old.emplace_back(cursor->key());
    }
    if (!more) return more.error();
    if (!*more) first = ring.next;
  }
  if (!old.empty()) {
    auto txn = environment.begin();
    if (!txn) return txn.error();
    for (const std::string& key : old) {
      if (const Result<bool> gone = ring.table.erase(*txn, key); !gone) return gone.error();
    }
    if (Status s = txn->commit(); !s) return s.error();
  }
  ring.first = first;
  return more_to_do;
}

Result<bool> History::prune(db::Environment& environment, int64_t cutoff, uint64_t most) {
  const auto lives = prune(environment, finished_, cutoff, most, decode_life);
  if (!lives) return lives.error();
  const auto refusals = prune(environment, refused_, cutoff, most, decode_refusal);
  if (!refusals) return refusals.error();
  if (Status s = look_for_attempts(); !s) return s.error();
  return *lives || *refusals;
}

}  // namespace mailkeep::queue
