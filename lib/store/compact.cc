// Checkpoints and compaction.
//
// Compaction of a segment: the messages in it that are still shown are written again at the journal's end, then the whole
// state as records (so that the journal stays complete without the segment), then a checkpoint, and only then is it removed.
// SPDX-License-Identifier: ISC
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
  std::string records;
  CheckpointMeta position;
  const auto put = [&](RecordType type, const std::string& meta) {
    Record record;
    record.type = type;
    record.seq = state_->last_seq();
    record.meta = meta;
    encode_record(records, record, journal_->mark());
    ++position.records;
  };
  state_->snapshot(true, now() - kRememberDeliveries, put);
  position.segment = journal_->end().segment;
  position.offset = journal_->end().offset;
  position.cache_end = cache_->end();
  std::string head;
  const std::string meta = position.encode();
  Record first;
  first.type = RecordType::checkpoint;
  first.seq = state_->last_seq();
  first.meta = meta;
  encode_record(head, first, journal_->mark());

  auto fd = io_.openat(dir_, "checkpoint.tmp", O_RDWR | O_CREAT | O_TRUNC);
  if (!fd) return fd.error();
  const std::string_view parts[] = {head, records};
  Status done = io_.pwritev(*fd, parts, 0);
  if (done) done = io_.fsync(*fd);
  io_.close(*fd);
  if (done) done = io_.renameat(dir_, "checkpoint.tmp", dir_, "checkpoint");
  if (done) done = io_.fsync(dir_);
  if (!done) return done;
  since_checkpoint_ = 0;
  return {};
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
  for (const auto& [id, body] : state_->bodies()) {
    if (body.segment != victim || bytes >= kRelocateAtOnce) continue;
    moving.push_back(body);
    bytes += body.size;
  }
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
    state_->snapshot(false, now() - kRememberDeliveries,
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

Result<bool> AccountStore::idle_step() {
  if (is_group_ || is_broken_) return false;
  if (since_checkpoint_ >= options_.checkpoint_every) {
    if (auto saved = checkpoint(); !saved) return saved.error();
    return true;
  }
  return compact_step();
}

}  // namespace mailkeep::store
