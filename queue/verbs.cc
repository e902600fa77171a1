// What mailkeepctl may ask of the queue: list, show, remove. See queue.h.
// SPDX-License-Identifier: ISC
#include <algorithm>

#include "lib/base/text.h"
#include "lib/log/log.h"
#include "queue/content.h"
#include "queue/queue.h"

namespace mailkeep::queue {

using imsg::PeerId;

namespace {
// What one MessageShown may hold; the rest of a long list of recipients is in `queue list`.
constexpr size_t kMaxShown = 1000;
constexpr size_t kMaxShownBytes = imsg::kMaxMessage - 128 * 1024;
}  // namespace

QueueItem Queue::item_for(const Envelope& envelope) {
  QueueItem item;
  item.envelope = envelope.id;
  item.next_try = envelope.next_try;
  item.attempts = envelope.attempts;
  item.recipient = envelope.recipient;
  item.account = envelope.account;
  item.relay = envelope.kind == Kind::kRelay;
  item.state = envelope.kind == Kind::kLocal ? local_.state_of(envelope.id) : remote_.state_of(envelope.id);
  item.last_error = envelope.last_error.substr(0, kMaxReplyText);
  if (const auto message = spool_->message(envelope.id.message); message && message->has_value()) {
    item.arrived = (*message)->received;
    item.size = (*message)->size;
    item.sender = (*message)->sender;
  }
  return item;
}

void Queue::on_list(PeerId peer, ListQueue&& list) {
  constexpr uint32_t kMost = 200;
  QueueList out;
  out.query = list.query;
  out.total = spool_->counts().local + spool_->counts().relay;
  const auto after = parse_id(list.after);
  const uint32_t wanted = list.limit == 0 ? kMost : std::min(list.limit, kMost);
  const auto found = spool_->list(after ? EnvelopeId{after->message, after->number.value_or(0)} : EnvelopeId(), wanted);
  if (!found) {
    log::error("queue-list-failed").kv("why", found.error().text);
  } else {
    for (const Envelope& e : *found) out.items.push_back(item_for(e));
    if (found->size() == wanted) out.next = show(found->back().id);
  }
  peers_->send(peer, out);
}

void Queue::on_show(PeerId peer, ShowMessage&& wanted) {
  MessageShown out;
  out.query = wanted.query;
  const auto message = spool_->message(wanted.message);
  const auto envelopes = spool_->envelopes(wanted.message);
  if (message && message->has_value() && envelopes) {
    out.found = true;
    size_t bytes = 0;
    for (const Envelope& e : *envelopes) {
      if (out.items.size() >= kMaxShown || bytes > kMaxShownBytes) break;
      out.items.push_back(item_for(e));
      imsg::Encoder encoded;
      QueueItem::fields(encoded, out.items.back());
      bytes += encoded.bytes().size();
    }
    if ((*message)->in_file) {
      if (Result<Fd> file = spool_->open_file(wanted.message); file) out.content = std::move(file).value();
    } else if (const auto body = spool_->body(wanted.message); body && body->has_value()) {
      if (Result<Fd> file = make_memory_file(**body); file) out.content = std::move(file).value();
    }
  }
  peers_->send(peer, out);
}

void Queue::on_remove(PeerId peer, RemoveMessage&& wanted) {
  MessageRemoved out;
  out.query = wanted.query;
  Change change;
  if (const auto envelopes = spool_->envelopes(wanted.message); envelopes) {
    for (const Envelope& e : *envelopes) {
      if (wanted.number == UINT32_MAX || wanted.number == e.id.number) change.removed.push_back(e.id);
    }
  }
  if (!change.removed.empty()) {
    // With whatever else this turn has staged; a removal by hand is rare, so it gets its own commit and sync.
    commit_turn();
    const std::vector<EnvelopeId> ids = change.removed;
    const size_t place = spool_->stage(std::move(change));
    const std::vector<Status> results = spool_->commit();
    if (Status s = results[place] ? spool_->settle() : results[place]; s) {
      out.removed = static_cast<uint32_t>(ids.size());
      for (const EnvelopeId& id : ids) forget(id);
      log::info("removed").kv("msg", hex64(wanted.message)).kv("envelopes", out.removed).kv("by", "control");
    } else {
      log::error("queue-remove-failed").kv("msg", hex64(wanted.message)).kv("why", s.error().text);
    }
  }
  peers_->send(peer, out);
}

}  // namespace mailkeep::queue
