// What relay remembers over a restart: policies, counters. See queue.h and spool.h.
// SPDX-License-Identifier: ISC
#include "lib/log/log.h"
#include "queue/queue.h"

namespace mailkeep::queue {

using imsg::PeerId;

namespace {

constexpr size_t kSweep = 200;             // notes looked at in a turn
constexpr int64_t kSweepAgain = 6 * 3600;  // seconds after a sweep has come to its end

std::string key_of(NoteKind kind, const std::string& name) { return static_cast<char>('a' + static_cast<char>(kind)) + name; }

}  // namespace

void Queue::on_keep_note(PeerId, KeepNote&& m) {
  Change change;
  change.notes.push_back({key_of(m.kind, m.name), m.expires, std::move(m.value)});
  spool_->stage(std::move(change));
}

void Queue::on_find_note(PeerId peer, FindNote&& m) {
  NoteFound out;
  out.kind = m.kind;
  const auto found = spool_->note(key_of(m.kind, m.name), now_unix());
  if (!found) log::warn("note-not-read").kv("name", m.name).kv("why", found.error().text);
  out.name = std::move(m.name);
  out.found = found && found->has_value() && (*found)->size() <= kMaxNoteValue;
  if (out.found) out.value = std::move(**found);
  peers_->send(peer, out);
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
