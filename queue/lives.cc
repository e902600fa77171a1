// What mailkeepctl may ask of the past and of destinations: queue history, trace and queue stats. Answered a slice at a
// time, and asked again from there; nothing is changed. And what is kept of refusals, and for how long anything is. See
// queue.h.
// SPDX-License-Identifier: ISC
#include <algorithm>

#include "lib/base/text.h"
#include "lib/log/log.h"
#include "queue/honest.h"
#include "queue/queue.h"
#include "queue/selection.h"

namespace mailkeep::queue {

using imsg::PeerId;

namespace {

constexpr size_t kSlice = 500;             // rows looked at between two looks at the clock,
constexpr Millis kSliceTime(5);            // and how long that may go on
constexpr size_t kMostLives = 200;         // of one answer
constexpr size_t kMostBytes = 512 * 1024;  // of one answer
constexpr size_t kDestinationRows = 5000;  // of the index, of one answer
constexpr size_t kMostDestinations = 900;
constexpr size_t kMostActions = 100;
constexpr Seconds kPrunePause(15);  // between two passes through the history
// Refusals that are remembered: so many a second, and so many at once; a flood of them costs no more than that.
constexpr double kRefusalsPerSecond = 50;
constexpr double kRefusalsAtOnce = 500;

std::string_view bare(std::string_view id) {
  id = trim(id);
  return id.size() > 2 && id.front() == '<' && id.back() == '>' ? id.substr(1, id.size() - 2) : id;
}

bool is_any(std::string_view wanted, const Life& l) {
  if (wanted.empty()) return true;
  const std::string_view id = bare(wanted);
  return (!l.message_id.empty() && id == bare(l.message_id)) || equals_nocase(id, l.sender) ||
         equals_nocase(id, l.recipient) || equals_nocase(id, l.original);
}

bool is_any(std::string_view wanted, const Refusal& r) {
  const std::string_view id = bare(wanted);
  return wanted.empty() || equals_nocase(id, r.sender) ||
         std::any_of(r.recipients.begin(), r.recipients.end(),
                     [id](const std::string& to) { return equals_nocase(id, to); });
}

std::string state_of(const Life& l) {
  return l.ended == 0 ? l.state : std::string(l.tries.empty() ? "" : name_of(l.tries.back().how));
}

// As the rules for what waits see it.
bool is_selected(const Selection& s, const Life& l) {
  Envelope e;
  e.id = l.id;
  e.recipient = l.recipient;
  e.original = l.original;
  e.account = l.account;
  Message m;
  m.sender = l.sender;
  m.account = l.owner;
  m.received = l.arrived;
  m.size = l.size;
  return may_match(s, e) && matches(s, e, m, state_of(l), [] { return std::string(); });
}

size_t weight(const Life& l) {
  size_t bytes = 600 + l.sender.size() + l.recipient.size() + l.original.size() + l.message_id.size() + l.helo.size() +
                 l.trouble.size();
  for (const Attempt& a : l.tries) bytes += 60 + a.host.size() + a.tls.size() + a.text.size();
  return bytes;
}

size_t weight(const Refusal& r) {
  size_t bytes = 400 + r.helo.size() + r.name.size() + r.sender.size() + r.text.size() + r.rule.size();
  for (const std::string& to : r.recipients) bytes += 8 + to.size();
  return bytes;
}

// How full an answer is, and when its slice is over.
class Measure {
 public:
  template <class T>
  void add(const T& one) {
    bytes_ += weight(one);
    ++count_;
  }
  bool is_full() const { return count_ >= kMostLives || bytes_ >= kMostBytes; }
  bool goes_on() const { return !is_full() && now_monotonic() < end_; }

 private:
  size_t count_ = 0, bytes_ = 0;
  const Micros end_ = now_monotonic() + kSliceTime;
};

}  // namespace

void Queue::on_find_lives(PeerId peer, FindLives&& find) {
  Lives out;
  out.query = find.query;
  const Status s = find.past == Past::kWaiting    ? find_waiting(find, out)
                   : find.past == Past::kFinished ? find_finished(find, out)
                                                  : find_refused(find, out);
  if (!s) {
    log::error("queue-history-failed").kv("why", s.error().text);
    out.error = "it cannot be read now: " + printable(s.error().text, 200);
  }
  peers_->send(peer, out);
}

Status Queue::find_waiting(const FindLives& find, Lives& out) {
  const uint64_t one = find.selection.message;
  const auto after = parse_id(find.after);
  EnvelopeId at = after      ? EnvelopeId{after->message, after->number.value_or(0)}
                  : one != 0 ? EnvelopeId{one - 1, UINT32_MAX}
                             : EnvelopeId();
  const auto history = spool_->history();
  if (!history) return history.error();
  Measure measure;
  do {
    const auto batch = spool_->list(at, kSlice);
    if (!batch) return batch.error();
    if (batch->empty()) return {};
    for (const Envelope& e : *batch) {
      if (one != 0 && e.id.message > one) return {};
      at = e.id;
      const auto message = spool_->message(e.id.message);
      if (!message || !message->has_value()) continue;
      Life life = life_of(e, **message);
      const QueueItem item = item_for(e, **message);
      life.state = item.state;
      life.next_try = e.next_try;
      life.trouble = item.last_error;
      if (!is_selected(find.selection, life) || !is_any(find.any, life)) continue;
      life.tries = (*history)->attempts(e.id);
      measure.add(life);
      out.lives.push_back(std::move(life));
      if (measure.is_full()) break;
    }
  } while (measure.goes_on());
  out.next = show(at);
  return {};
}

// Where to begin to read: an envelope has ended after it came.
Result<uint64_t> Queue::start_of(const FindLives& find) {
  if (const auto from = parse_u64(find.after)) return *from;
  const auto history = spool_->history();
  if (!history) return history.error();
  const int64_t since = std::max(find.selection.since, static_cast<int64_t>(find.selection.message >> 32));
  return since == 0 ? 0 : (*history)->first_since(since);
}

int64_t Queue::oldest_kept() const {
  return config_.history == 0 ? INT64_MAX : now_unix() - static_cast<int64_t>(config_.history);
}

Status Queue::find_finished(const FindLives& find, Lives& out) {
  const auto start = start_of(find);
  if (!start) return start.error();
  uint64_t from = *start;
  const auto history = spool_->history();
  if (!history) return history.error();
  Measure measure;
  do {
    const uint64_t before = from;
    auto batch = (*history)->lives(from, kSlice, oldest_kept());
    if (!batch) return batch.error();
    if (from == before) return {};
    for (Life& life : *batch) {
      if (!is_selected(find.selection, life) || !is_any(find.any, life)) continue;
      measure.add(life);
      out.lives.push_back(std::move(life));
      if (!measure.is_full()) continue;
      from = out.lives.back().number + 1;
      break;
    }
  } while (measure.goes_on());
  out.next = std::to_string(from);
  return {};
}

Status Queue::find_refused(const FindLives& find, Lives& out) {
  uint64_t from = parse_u64(find.after).value_or(0);
  const auto history = spool_->history();
  if (!history) return history.error();
  Measure measure;
  do {
    const uint64_t before = from;
    auto batch = (*history)->refusals(from, kSlice, oldest_kept());
    if (!batch) return batch.error();
    if (from == before) return {};
    for (Refusal& refusal : *batch) {
      if (find.selection.message != 0 && find.selection.message != refusal.message) continue;
      if (!is_any(find.any, refusal)) continue;
      measure.add(refusal);
      out.refusals.push_back(std::move(refusal));
      if (!measure.is_full()) continue;
      from = out.refusals.back().number + 1;
      break;
    }
  } while (measure.goes_on());
  out.next = std::to_string(from);
  return {};
}

// What waits, by the index; at its end what has become of mail for each domain.
void Queue::on_list_destinations(PeerId peer, ListDestinations&& list) {
  Destinations out;
  out.query = list.query;
  constexpr std::string_view kTallies = "t:";
  if (!list.after.starts_with(kTallies)) {
    std::string after;
    for (size_t i = 0; i + 1 < list.after.size(); i += 2)
      after += static_cast<char>(parse_hex64(std::string(14, '0') + list.after.substr(i, 2)).value_or(0));
    auto found = spool_->destinations(after, kDestinationRows, kMostDestinations);
    out.next = !found || after.empty() ? std::string(kTallies) : hex(after);
    if (found) {
      out.destinations = std::move(found).value();
    } else {
      log::error("queue-history-failed").kv("why", found.error().text);
    }
  } else {
    auto it = remote_.tallies().upper_bound(list.after.substr(kTallies.size()));
    for (; it != remote_.tallies().end() && out.destinations.size() < kMostDestinations; ++it) {
      DestinationStat& d = out.destinations.emplace_back();
      d.name = it->first.substr(0, kMaxAddress);
      d.relay = true;
      d.accepted = it->second.accepted;
      d.deferred = it->second.deferred;
      d.failed = it->second.failed;
      d.last_reply = it->second.last_reply;
    }
    if (it != remote_.tallies().end()) out.next = std::string(kTallies) + out.destinations.back().name;
  }
  for (DestinationStat& d : out.destinations) {
    if (d.relay) d.paused_until = remote_.paused_until(d.name);
  }
  if (out.next.empty()) {
    const auto down = remote_.actions_down(kMostActions);
    out.destinations.insert(out.destinations.end(), down.begin(), down.end());
  }
  peers_->send(peer, out);
}

void Queue::on_refusal(PeerId peer, Refusal&& refusal) {
  if (const std::string_view lie = lie_in(refusal); !lie.empty()) return peers_->condemn(peer, lie);
  remember_refusal(std::move(refusal));
}

void Queue::remember_refusal(const Incoming& in, Judge by, uint16_t code, const std::string& enhanced,
                             const std::string& text) {
  const Enqueue& e = in.enqueue;
  Refusal r;
  r.by = by;
  r.session = e.session;
  r.message = e.message;
  r.source = e.facts.source;
  r.name = e.facts.name;
  r.helo = e.facts.helo;
  r.tls = e.facts.tls;
  r.account = e.facts.account;
  r.sender = e.facts.sender;
  for (const Recipient& to : e.recipients) {
    if (r.recipients.size() < kMaxRefused) r.recipients.push_back(to.address);
  }
  r.code = code;
  r.enhanced = enhanced;
  r.text = printable(text, kMaxReplyText - 4);
  remember_refusal(std::move(r));
}

void Queue::remember_refusal(Refusal refusal) {
  if (config_.history == 0) return;
  const Micros now = now_monotonic();
  const double seconds = std::chrono::duration<double>(now - std::exchange(refusals_since_, now)).count();
  refusals_left_ = std::min(kRefusalsAtOnce, refusals_left_ + seconds * kRefusalsPerSecond);
  if (refusals_left_ < 1) return ++refusals_lost_, void();
  refusals_left_ -= 1;
  refusal.at = now_unix();
  refusals_.push_back(std::move(refusal));
}

// They ask for no sync: one that a power cut takes was told to its sender all the same.
void Queue::stage_refusals() {
  if (refusals_.empty()) return;
  Change change;
  change.refusals = std::exchange(refusals_, {});
  spool_->stage(std::move(change));
}

// Now and then, a slice a turn.
void Queue::prune_history() {
  const bool more = spool_->prune_history(oldest_kept(), config_.history_entries);
  prune_timer_.set(more ? Micros(0) : Micros(kPrunePause));
}

}  // namespace mailkeep::queue
