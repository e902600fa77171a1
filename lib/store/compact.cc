// Checkpoints and compaction.
//
// Compaction of a segment: the messages in it that are still shown are written again at the journal's end, then the
// whole state as records (so that the journal stays complete without the segment), then a checkpoint, and only then is
// it removed.
// SPDX-License-Identifier: ISC
#include <algorithm>

#include "lib/base/crc32c.h"
#include "lib/base/text.h"
#include "lib/store/account_store.h"

namespace mailkeep::store {

namespace {

constexpr int64_t kRememberDeliveries = 30 * 86400;  // seconds
constexpr uint64_t kRelocateAtOnce = 1U << 20;       // bytes of messages in one step
constexpr uint64_t kRowBytes = 64;                   // about what a row costs in a snapshot

}  // namespace

Status AccountStore::checkpoint() {
  if (is_group_) return Error("a checkpoint inside a group", EBUSY);
  if (auto synced = sync(); !synced) return synced;
  cache_->flush();
  Index::Head head;
  head.mark = journal_->mark();
  head.segment = journal_->end().segment;
  head.offset = journal_->end().offset;
  head.cache_generation = cache_->position().generation;
  head.cache_end = cache_->position().end;
  auto size = Index::write(io_, dir_, *state_, head, now() - kRememberDeliveries);
  if (!size) return size.error();
  index_bytes_ = *size;
  since_checkpoint_ = 0;
  proven_seq_ = durable_seq_;
  // What was in memory is in the file now, which the kernel may drop and read again.
  if (auto index = Index::open(io_, dir_, false)) std::move(*index).give_to(*state_);
  return {};
}

// The larger the account, the more may be replayed for it.
bool AccountStore::is_checkpoint_due() const {
  return since_checkpoint_ >= std::max(options_.checkpoint_every, index_bytes_ / 2);
}

Status AccountStore::settle() {
  if (is_broken_ || is_group_) return Error("the store cannot settle", EBUSY);
  if (state_->last_seq() > durable_seq_) {
    if (auto synced = sync(); !synced) return synced;
  }
  if (since_checkpoint_ >= std::max(options_.checkpoint_at_end, index_bytes_ / 8)) return checkpoint();
  return put_proof();
}

// Without it a scan would not know that the last records are durable, and could take damage in them for a torn tail. It
// is itself not worth a sync: one that gets lost proves nothing, and takes nothing with it.
Status AccountStore::put_proof() {
  if (proven_seq_ >= durable_seq_ || state_->last_seq() > durable_seq_) return {};
  Record proof;
  proof.type = RecordType::proof;
  proof.seq = state_->last_seq();
  proof.synced = durable_seq_;
  Status done;
  if (auto put = journal_->put(proof, 0); !put) done = put.error();
  if (done) done = journal_->flush();
  if (done) proven_seq_ = durable_seq_;
  if (journal_->has_failed()) is_broken_ = true;
  // On a full disk there will be one when something else found room.
  if (!done && (done.error().code == ENOSPC || done.error().code == EDQUOT)) return {};
  return done;
}

uint32_t AccountStore::pick_victim() const {
  uint64_t rows = 0;
  for (const auto& [id, box] : state_->boxes()) rows += box->messages.size();
  uint32_t victim = 0;
  uint64_t most = rows * kRowBytes;  // less than a snapshot is no gain
  for (const auto& [segment, size] : journal_->segments()) {
    if (segment == journal_->tail() || unmovable_.contains(segment)) continue;
    const auto it = state_->live_bytes().find(segment);
    const uint64_t live = it == state_->live_bytes().end() ? 0 : it->second;
    if (live * 2 < size && size - live > most) {
      victim = segment;
      most = size - live;
    }
  }
  return victim;
}

Result<bool> AccountStore::relocate_some(uint32_t victim) {
  std::vector<Body> moving;
  uint64_t bytes = 0;
  state_->bodies().visit(0, [&](const Body& body) {
    if (body.segment != victim) return true;
    moving.push_back(body);
    bytes += body.size;
    return bytes < kRelocateAtOnce;
  });
  for (const Body& body : moving) {
    std::string text(body.size, '\0');
    auto got = journal_->read(victim, body.offset, text);
    if (!got) return got.error();
    if (*got != text.size() || crc32c(text) != body.crc) {
      report("store: object " + hex64(body.object) + " is damaged; its segment stays");
      unmovable_.insert(victim);
      return true;
    }
    BodyMeta meta;
    meta.object = body.object;
    if (auto put = commit(RecordType::body, meta.encode(), text, kSlack); !put) return put.error();
  }
  return !moving.empty();
}

Status AccountStore::put_snapshot() {
  return grouped([&]() -> Status {
    // Made first, put after: what is put changes the state's numbers.
    std::vector<std::pair<RecordType, std::string>> records;
    state_->snapshot(now() - kRememberDeliveries,
                     [&](RecordType type, std::string meta) { records.emplace_back(type, std::move(meta)); });
    for (const auto& [type, meta] : records) {
      if (auto put = commit(type, meta, {}, kSlack); !put) return put;
    }
    return {};
  });
}

Result<bool> AccountStore::compact_step() {
  if (is_group_ || is_broken_) return false;
  const uint32_t victim = pick_victim();
  if (victim == 0) return false;
  auto moved = relocate_some(victim);
  if (!moved) return moved.error();
  if (auto flushed = flush(); !flushed) return flushed.error();
  if (*moved) return true;
  if (auto put = put_snapshot(); !put) return put.error();
  if (auto saved = checkpoint(); !saved) return saved.error();
  if (auto gone = journal_->remove(victim); !gone) return gone.error();
  return true;
}

// Of a process that died in the middle of writing them.
void AccountStore::remove_leftovers() {
  if (std::exchange(has_looked_for_leftovers_, true)) return;
  for (const char* name : {"checkpoint.tmp", "cache.tmp"}) {
    const Status gone = io_.unlinkat(dir_, name);
    if (!gone && gone.error().code != ENOENT) report(std::string("store: ") + name + ": " + gone.error().text);
  }
}

Result<bool> AccountStore::idle_step() {
  if (is_group_ || is_broken_) return false;
  remove_leftovers();
  if (is_checkpoint_due()) {
    if (auto saved = checkpoint(); !saved) return saved.error();
    return true;
  }
  if (cache_->is_compacting() || cache_->wants_compaction()) {
    if (cache_->compact_step()) return true;
    if (auto saved = checkpoint(); !saved) return saved.error();  // the places of the records have changed
    return true;
  }
  auto compacted = compact_step();
  if (!compacted || *compacted) return compacted;
  if (auto proven = put_proof(); !proven) return proven.error();
  return false;
}

}  // namespace mailkeep::store
