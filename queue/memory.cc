// What relay remembers over a restart: policies, counters; and its reports. See queue.h and spool.h.
// SPDX-License-Identifier: ISC
#include "lib/base/text.h"
#include "lib/log/log.h"
#include "queue/honest.h"
#include "queue/queue.h"

namespace mailkeep::queue {

using imsg::PeerId;
using imsg::Role;

namespace {

constexpr size_t kSweep = 200;             // notes looked at in a turn
constexpr int64_t kSweepAgain = 6 * 3600;  // seconds after a sweep has come to its end

std::string key_of(NoteKind kind, const std::string& name) {
  return static_cast<char>('a' + static_cast<char>(kind)) + name;
}

}  // namespace

void Queue::on_keep_note(PeerId, KeepNote&& m) {
  Change change;
  change.notes.push_back({key_of(m.kind, m.name), m.expires, std::move(m.value)});
  change.durable = m.durable;
  spool_->stage(std::move(change));
}

void Queue::on_find_note(PeerId peer, FindNote&& m) {
  NoteFound out;
  out.kind = m.kind;
  auto found = spool_->note(key_of(m.kind, m.name), now_unix());
  if (!found) log::warn("note-not-read").kv("name", m.name).kv("why", found.error().text);
  out.name = std::move(m.name);
  out.found = found && found->has_value() && (*found)->size() <= kMaxNoteValue;
  if (out.found) out.value = std::move(**found);
  peers_->send(peer, out);
}

// As mail of our own: its route is asked for as that of a bounce is.
void Queue::on_submit_report(PeerId peer, SubmitReport&& m) {
  const auto id = spool_->new_id();
  if (!id || m.recipients.empty() || m.text.empty())
    return log::warn("no-report").kv("msg", "").kv("why", "a report that cannot be kept"), void();
  Incoming in{peer, {}, std::move(m.text)};
  in.enqueue.message = *id;
  in.enqueue.protocol = Protocol::kInternal;
  in.enqueue.facts.source = "local";
  in.enqueue.facts.helo = config_.hostname;
  in.enqueue.size = in.body.size();
  for (auto& address : m.recipients) {
    Recipient& r = in.enqueue.recipients.emplace_back();
    r.address = std::move(address);
  }
  if (const std::string_view lie = lie_in_report(in.enqueue); !lie.empty()) return peers_->condemn(peer, lie);
  lookup::Route route;
  route.query = ++last_query_;
  route.facts = in.enqueue.facts;
  for (const Recipient& r : in.enqueue.recipients) route.recipients.push_back(r.address);
  if (!peers_->send_role(Role::kLookup, route))
    return log::warn("no-report").kv("msg", hex64(*id)).kv("why", "no route now"), void();
  incoming_weight_[peer] += in.weight();
  incoming_.emplace(route.query, std::move(in));
}

// A few at a time, once the last sweep is long ago.
void Queue::sweep_notes() {
  if (now_unix() < next_sweep_) return;
  auto seen = spool_->drop_notes(notes_seen_, now_unix(), kSweep);
  if (!seen) log::warn("note-not-read").kv("name", "").kv("why", seen.error().text);
  notes_seen_ = seen ? *seen : std::string();
  if (notes_seen_.empty()) next_sweep_ = now_unix() + kSweepAgain;
}

}  // namespace mailkeep::queue
