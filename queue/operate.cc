// What an operator does with a selection of the queue: lists it, holds, releases, tries, fails, drops or reroutes it.
// One SelectQueue is one slice: so many envelopes are looked at, and what is changed of them is one transaction with
// this turn's commit. Nothing is kept between two slices, so a client that goes away leaves nothing; but a slice in
// which nothing was found is followed by the next one without asking, for a second. See queue.h.
// SPDX-License-Identifier: ISC
#include <algorithm>

#include "lib/base/text.h"
#include "lib/log/log.h"
#include "queue/queue.h"
#include "queue/selection.h"

namespace mailkeep::queue {

using imsg::PeerId;

namespace {

constexpr size_t kMostSelects = 256;  // that wait for their slice; control has fewer clients
constexpr size_t kSlice = 500;        // envelopes looked at between two looks at the clock,
constexpr Millis kSliceTime(5);       // and how long that may go on in one turn, for all that ask
constexpr Seconds kSilence(1);        // of one that has found nothing: it goes on by itself so long
constexpr size_t kMostChanges = 500;  // of one slice: one transaction
// Of one answer, unless another number is asked for. With 250, those who pass it on give memory back to the kernel and
// take it again each time, which costs more than all else.
constexpr size_t kItems = 120;
constexpr size_t kMostItemBytes = 512 * 1024;  // of one answer
constexpr size_t kMostFailures = 50;           // of one slice: each is a report to write

std::string_view name_of(QueueVerb verb) {
  switch (verb) {
    case QueueVerb::kList: return "list";
    case QueueVerb::kHold: return "hold";
    case QueueVerb::kRelease: return "release";
    case QueueVerb::kRetry: return "retry";
    case QueueVerb::kFail: return "fail";
    case QueueVerb::kDrop: return "drop";
    case QueueVerb::kReroute: return "reroute";
  }
  return "";
}

bool is_future(const Envelope& e, const Message& m, int64_t now) {
  return e.attempts == 0 && m.options.hold_until > now && e.next_try >= m.options.hold_until;
}

// Whether the verb has anything to do with it.
bool applies(const SelectQueue& ask, const Envelope& e, const Message& m, int64_t now) {
  switch (ask.verb) {
    case QueueVerb::kHold: return e.hold == Hold::kNone;
    case QueueVerb::kRelease: return e.hold != Hold::kNone || is_future(e, m, now);
    case QueueVerb::kRetry: return e.hold == Hold::kNone && !is_future(e, m, now);
    case QueueVerb::kReroute: return e.kind == Kind::kRelay && e.action != ask.action;
    default: return true;
  }
}

bool has_news(const QueueSelected& answer) {
  return answer.matched > 0 || !answer.error.empty() || answer.next.empty();
}

// How the verb is remembered, of all that it changes.
Attempt attempt_of(const SelectQueue& ask) {
  const std::string action = ask.verb == QueueVerb::kReroute ? ", to action " + ask.action : "";
  const How how = ask.verb == QueueVerb::kHold      ? How::kHeld
                  : ask.verb == QueueVerb::kRelease ? How::kReleased
                  : ask.verb == QueueVerb::kReroute ? How::kRerouted
                                                    : How::kRetried;
  return {now_unix(), how, kNoUid, "", "", "by the administrator" + action};
}

}  // namespace

void Queue::on_select(PeerId peer, SelectQueue&& ask) {
  if (selects_.size() >= kMostSelects) return peers_->condemn(peer, "more questions at once than control has clients");
  Select& s = selects_.emplace_back();
  s.peer = peer;
  s.since = now_monotonic();
  s.answer.query = ask.query;
  s.ask = std::move(ask);
}

// At the start of the commit, so that nothing else happens to an envelope between its change and that. Answers tell how
// many there are in all: after a start with very many they wait a moment until that is known.
void Queue::run_selects() {
  if (spool_->is_counting()) return;
  const Micros end = now_monotonic() + kSliceTime;
  do {
    if (selects_.empty()) return;
    Select s = std::move(selects_.front());
    selects_.pop_front();
    run_select(s);
    if (has_news(s.answer) || now_monotonic() >= s.since + kSilence) {
      selected_.push_back(std::move(s));
    } else {
      s.ask.after = std::exchange(s.answer.next, {});
      selects_.push_back(std::move(s));
    }
  } while (now_monotonic() < end);
}

void Queue::run_select(Select& s) {
  s.answer.total = spool_->counts().all();
  if (s.ask.verb != QueueVerb::kList && is_empty(s.ask.selection)) {
    s.answer.error = "nothing is selected";
    return;
  }
  if (s.ask.verb == QueueVerb::kReroute && !remote_.has_action(s.ask.action)) {
    s.answer.error = "no relay action is named " + printable(s.ask.action, kMaxTag);
    return;
  }
  const auto after = parse_id(s.ask.after);
  EnvelopeId at = after ? EnvelopeId{after->message, after->number.value_or(0)} : EnvelopeId();
  // The one before its first, which has number 0 and would not be "after" itself.
  if (!after && s.ask.selection.message != 0) at = {s.ask.selection.message - 1, UINT32_MAX};
  Change change;
  walk(s, at, change);
  if (change.put.empty() && change.ended.empty()) return;
  change.durable = true;
  s.place = spool_->stage(std::move(change));
}

// As much as a slice may be; what is left begins after the answer's `next`.
void Queue::walk(Select& s, EnvelopeId at, Change& change) {
  const bool one_message = s.ask.selection.message != 0;
  const size_t most = s.ask.limit == 0 ? kItems : std::min<size_t>(s.ask.limit, kMaxQueueItems);
  const size_t changes = s.ask.verb == QueueVerb::kFail ? kMostFailures : kMostChanges;
  const auto is_full = [&] { return s.answer.items.size() >= most || s.bytes >= kMostItemBytes || s.done >= changes; };
  const Wanted wanted = one_message ? Wanted() : wanted_of(s.ask.selection);
  const size_t rows = std::min(kSlice, wanted.is_all() ? most : std::max(most, kItems));
  for (const Micros end = now_monotonic() + kSliceTime;;) {
    const auto part = spool_->look_through(at, rows, wanted);
    if (!part) {
      log::error("queue-list-failed").kv("why", part.error().text);
      s.answer.error = "the queue cannot be read now: " + printable(part.error().text);
      return;
    }
    for (const Envelope& e : part->envelopes) {
      if (one_message && e.id.message != s.ask.selection.message) return;
      at = e.id;
      look(s, e, change);
      if (is_full()) break;
    }
    if (!is_full()) at = part->last;
    if (!is_full() && !part->more) return;
    if (is_full() || now_monotonic() >= end) {
      s.answer.next = show(at);
      return;
    }
  }
}

void Queue::look(Select& s, const Envelope& e, Change& change) {
  const Selection& selection = s.ask.selection;
  if (!may_match(selection, e)) return;
  if (!s.message || s.message->id != e.id.message) {
    auto message = spool_->message(e.id.message);
    if (!message) return;
    s.message = message->has_value() ? std::move(**message) : Message();  // it can be dropped without one
    s.message->id = e.id.message;
  }
  const Message& m = *s.message;
  const std::string state = state_of(e, m);
  spool_->take_in_hand(m.id);
  if (!matches(selection, e, m, state, [&] { return subject_of(spool_->head(m)); })) return;
  ++s.answer.matched;
  if (s.ask.verb != QueueVerb::kList) {
    if (!applies(s.ask, e, m, now_unix())) return;
    if (!s.ask.dry_run) return command(s, e, change);
    if (is_in_hand(e)) {
      ++s.answer.busy;
      return;
    }
  }
  ++s.answer.changed;
  QueueItem item = item_for(e, m);
  s.bytes += 200 + item.sender.size() + item.recipient.size() + item.account.size() + item.last_error.size();
  s.answer.items.push_back(std::move(item));
}

void Queue::command(Select& s, const Envelope& e, Change& change) {
  const bool is_free =
      s.ask.verb == QueueVerb::kRetry ? !is_in_hand(e) : local_.withdraw(e.id) && remote_.withdraw(e.id);
  if (!is_free) {
    ++s.answer.busy;
    return;
  }
  ++s.answer.changed;
  ++s.done;
  log::info("operator")
      .kv("msg", hex64(e.id.message))
      .kv("envelope", e.id.number)
      .kv("to", e.recipient)
      .kv("verb", name_of(s.ask.verb))
      .kv("action", s.ask.action);
  Envelope next = e;
  switch (s.ask.verb) {
    case QueueVerb::kList: return;
    case QueueVerb::kHold: next.hold = Hold::kOperator; break;
    case QueueVerb::kRelease: next.hold = Hold::kNone; break;
    case QueueVerb::kReroute: next.action = s.ask.action; break;
    case QueueVerb::kRetry:
      if (e.kind == Kind::kLocal) local_.retry_now(e.account);
      if (e.kind == Kind::kRelay) remote_.retry_now(e);
      if (e.next_try <= now_unix()) return;
      break;
    case QueueVerb::kDrop:
      s.changed.push_back(e.id);
      change.ended.push_back({e.id, {now_unix(), How::kDropped, kNoUid, "", "", "by the administrator"}});
      return;
    case QueueVerb::kFail: {
      const std::string text = "The administrator of this server has given this message up" +
                               (e.last_error.empty() ? std::string() : "; last: " + e.last_error);
      if (e.kind == Kind::kLocal) local_.fail_now(e, "5.0.0", text);
      if (e.kind == Kind::kRelay) remote_.fail_now(e, {"5.0.0", text, ""});
      return;
    }
  }
  // Exactly now: an earlier time may be one that has been looked through already.
  if (s.ask.verb != QueueVerb::kHold) next.next_try = now_unix();
  s.changed.push_back(e.id);
  change.put.push_back(std::move(next));
  change.attempt = attempt_of(s.ask);
}

void Queue::end_select(Select& s, const Status& status) {
  if (!status) {
    log::error("queue-command-failed").kv("verb", name_of(s.ask.verb)).kv("why", status.error().text);
    s.answer.changed -= std::min<uint64_t>(s.answer.changed, s.changed.size());
    s.answer.error = "it could not be written: " + printable(status.error().text);
    s.answer.next.clear();
  }
  peers_->send(s.peer, s.answer);
}

bool Queue::is_in_hand(const Envelope& e) const {
  return (e.kind == Kind::kLocal ? local_.state_of(e.id) : remote_.state_of(e.id)) != "waiting";
}

std::string Queue::state_of(const Envelope& e, const Message& m) const {
  if (e.hold == Hold::kOperator) return "held";
  if (e.hold == Hold::kQuarantine) return "quarantined";
  const std::string_view state = e.kind == Kind::kLocal ? local_.state_of(e.id) : remote_.state_of(e.id);
  return std::string(state == "waiting" && is_future(e, m, now_unix()) ? "future" : state);
}

QueueItem Queue::item_for(const Envelope& e, const Message& m) {
  QueueItem item;
  item.envelope = e.id;
  item.next_try = e.next_try;
  item.attempts = e.attempts;
  item.recipient = e.recipient;
  item.account = e.account;
  item.relay = e.kind == Kind::kRelay;
  item.state = state_of(e, m);
  item.last_error = e.last_error.empty() && item.relay && e.hold == Hold::kNone ? remote_.trouble_of(e) : e.last_error;
  if (item.last_error.size() > kMaxReplyText) item.last_error.resize(kMaxReplyText);
  item.arrived = m.received;
  item.size = m.size;
  item.sender = m.sender;
  item.owner = m.account;
  item.action = e.action;
  return item;
}

}  // namespace mailkeep::queue
