// Commit and bytes. SPDX-License-Identifier: ISC
#include "lib/store/store.h"

#include <algorithm>

#include "lib/base/clock.h"
#include "lib/base/crc32c.h"
#include "lib/base/text.h"
#include "lib/store/account_store.h"

namespace mailkeep::store {

Result<std::unique_ptr<Store>> Store::open(os::Io& io, int dir, Options options) {
  auto made = std::make_unique<AccountStore>(io, dir, std::move(options));
  if (auto started = made->start(); !started) return started.error();
  return std::unique_ptr<Store>(std::move(made));
}

AccountStore::AccountStore(os::Io& io, int dir, Options options) : io_(io), dir_(dir), options_(std::move(options)) {}

AccountStore::~AccountStore() {
  if (journal_dir_ >= 0) io_.close(journal_dir_);
  if (big_dir_ >= 0) io_.close(big_dir_);
}

void AccountStore::report(const std::string& text) const {
  if (options_.report) options_.report(text);
}

int64_t AccountStore::now() const { return options_.clock ? options_.clock() : now_unix(); }

Status AccountStore::commit(RecordType type, std::string_view meta, std::string_view body, uint64_t slack) {
  if (is_broken_) return Error("the store's disk failed", EIO);
  Record record;
  record.type = type;
  record.has_more = is_group_;
  record.seq = state_->last_seq() + 1;
  record.synced = durable_seq_;
  record.meta = meta;
  record.body = body;
  auto place = journal_->put(record, slack);
  if (!place) {
    if (journal_->has_failed()) is_broken_ = true;
    return place.error();
  }
  record.body_crc = crc32c(body);
  proven_seq_ = std::max(proven_seq_, durable_seq_);
  since_checkpoint_ += kRecordHeader + meta.size() + body.size();
  if (type == RecordType::account || type == RecordType::mailbox || type == RecordType::deliveries) {
    state_->set_last_seq(record.seq);  // a snapshot says what the state is already
    return {};
  }
  if (!state_->apply(record, *place, pending_)) fatal("store: a record of its own makes no sense");
  return {};
}

Status AccountStore::flush() {
  if (is_broken_) return Error("the store's disk failed", EIO);
  if (is_group_ || !journal_->has_buffered()) return {};
  if (auto flushed = journal_->flush(); !flushed) return take_back(flushed.error());
  cache_->flush();
  written_seq_ = state_->last_seq();
  return {};
}

Status AccountStore::take_back(Error cause) {
  report("store: taken back since the last write: " + cause.text);
  journal_->discard_buffered();
  is_group_ = false;
  if (journal_->has_failed()) {
    is_broken_ = true;
  } else {
    std::erase_if(pending_, [this](const Change& change) { return change.seq > written_seq_; });
    if (auto loaded = load(false); loaded) {
      journal_->set_unsynced();
    } else {
      is_broken_ = true;
      cause = Error(loaded.error().text, EIO);
    }
  }
  tell_taken_back(cause);
  return cause;
}

void AccountStore::tell_taken_back(const Error& cause) {
  const std::vector<Observer*> told = observers_;
  for (Observer* observer : told) {
    if (std::find(observers_.begin(), observers_.end(), observer) != observers_.end())
      observer->on_taken_back(written_seq_, cause);
  }
}

Status AccountStore::sync() {
  if (is_group_) return {};
  if (auto flushed = flush(); !flushed) return flushed;
  // The names last: what makes the records durable mostly makes them so too, and then they cost little.
  const bool has_names = has_unsynced_names_ && written_seq_ > durable_seq_;
  Status synced = journal_->sync();
  if (synced && has_names) synced = sync_names();
  if (!synced) {
    is_broken_ = true;
    return synced;
  }
  durable_seq_ = written_seq_;
  drop_dead_files();
  tell_observers();
  return {};
}

// What a new account's directory holds, and its own name.
Status AccountStore::sync_names() {
  if (auto synced = io_.fsync(dir_); !synced) return synced;
  if (options_.sync_name) {
    if (auto synced = options_.sync_name(); !synced) return synced;
  }
  options_.sync_name = {};
  has_unsynced_names_ = false;
  return {};
}

void AccountStore::drop_dead_files() {
  for (ObjectId object : state_->take_dead_big()) {
    // One that stays is found and removed at the next start.
    if (auto gone = io_.unlinkat(big_dir_, hex64(object)); !gone)
      report("store: big/" + hex64(object) + ": " + gone.error().text);
  }
}

void AccountStore::tell_observers() {
  if (pending_.empty()) return;
  const std::vector<Change> changes = std::move(pending_);
  pending_.clear();
  const std::vector<Observer*> told = observers_;
  for (Observer* observer : told) {
    if (std::find(observers_.begin(), observers_.end(), observer) == observers_.end()) continue;
    observer->on_durable(durable_seq_, changes);
  }
}

Status AccountStore::begin_group() {
  if (is_group_) fatal("store: groups do not nest");
  if (auto flushed = flush(); !flushed) return flushed;
  is_group_ = true;
  return {};
}

void AccountStore::end_group() {
  if (!is_group_) return;  // taken back meanwhile
  is_group_ = false;
  journal_->end_group();
}

Status AccountStore::abort_group() {
  if (!is_group_) return {};
  is_group_ = false;
  if (!journal_->has_buffered()) return {};
  Status undone = take_back(Error("group given up", ECANCELED));
  if (is_broken_) return undone;
  return {};
}

void AccountStore::add_observer(Observer* observer) { observers_.push_back(observer); }
void AccountStore::remove_observer(Observer* observer) { std::erase(observers_, observer); }

Result<size_t> AccountStore::read(const Message& message, uint64_t offset, std::span<char> into) {
  const Body* body = state_->body(message.object);
  if (body == nullptr) return Error("message is gone", ENOENT);
  if (offset >= body->size) return size_t{0};
  const std::span<char> wanted = into.first(std::min<uint64_t>(into.size(), body->size - offset));
  if (body->segment != 0) return journal_->read(body->segment, body->offset + offset, wanted);
  if (big_dir_ < 0) return Error("big/" + hex64(body->object) + ": no such file", ENOENT);
  auto fd = io_.openat(big_dir_, hex64(body->object), O_RDONLY);
  if (!fd) return fd.error();
  auto got = io_.pread(*fd, wanted.data(), wanted.size(), offset);
  io_.close(*fd);
  return got;
}

Result<std::string> AccountStore::read_all(const Message& message) {
  const Body* body = state_->body(message.object);
  if (body == nullptr) return Error("message is gone", ENOENT);
  const uint32_t crc = body->crc;
  std::string bytes(body->size, '\0');
  auto got = read(message, 0, bytes);
  if (!got) return got.error();
  if (*got != bytes.size() || crc32c(bytes) != crc) {
    report("store: bytes of object " + hex64(message.object) + " are damaged");
    return Error("message is damaged on the disk", EIO);
  }
  return bytes;
}

Result<Summary> AccountStore::summary(const Message& message) {
  Body* body = state_->body(message.object);
  if (body == nullptr) return Error("message is gone", ENOENT);
  if (auto cached = cache_->find(*body)) return std::move(*cached);
  if ((body->cache_at != 0 || cache_->is_damaged()) && !has_told_cache_) {
    has_told_cache_ = true;  // once: there may be as many as messages
    report("store: header cache is damaged; what it says of messages is made from them again");
  }
  auto bytes = read_all(message);
  if (!bytes) return bytes.error();
  Summary made = options_.summarize(*bytes);
  cache_->add(*body, made);
  if (!journal_->has_buffered()) cache_->flush();
  return made;
}

Usage AccountStore::usage() const {
  Usage usage;
  for (const auto& [id, box] : state_->boxes()) {
    usage.messages += box->messages.size();
    usage.bytes += box->bytes;
  }
  uint64_t live = 0;
  for (const auto& [segment, bytes] : journal_->segments()) usage.journal_bytes += bytes;
  for (const auto& [segment, bytes] : state_->live_bytes()) live += bytes;
  usage.dead_bytes = usage.journal_bytes - std::min(usage.journal_bytes, live);
  return usage;
}

}  // namespace mailkeep::store
