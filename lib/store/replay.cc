// The start: the newest checkpoint, then the journal's tail. SPDX-License-Identifier: ISC
#include <set>

#include "lib/base/text.h"
#include "lib/store/account_store.h"

namespace mailkeep::store {

namespace {

// How far uids jump when damage hid what may have given some out.
constexpr Uid kUidJump = 65536;

Result<int> open_directory(os::Io& io, int dir, const std::string& name, bool create, bool& is_made) {
  auto fd = io.openat(dir, name, O_RDONLY | O_DIRECTORY);
  if (fd || fd.error().code != ENOENT || !create) return fd;
  if (auto made = io.mkdirat(dir, name); !made) return made.error();
  is_made = true;
  return io.openat(dir, name, O_RDONLY | O_DIRECTORY);
}

}  // namespace

Status AccountStore::start() {
  if (auto opened = open_directories(); !opened) return opened;
  if (auto loaded = load(true); !loaded) return loaded;
  return remove_orphans();
}

Status AccountStore::open_directories() {
  bool is_made = false;
  auto journal = open_directory(io_, dir_, "journal", options_.create, is_made);
  if (!journal) return journal.error();
  journal_dir_ = *journal;
  return open_big(false);
}

// Made with the first big message.
Status AccountStore::open_big(bool create) {
  if (big_dir_ < 0) {
    bool is_made = false;
    auto big = open_directory(io_, dir_, "big", create, is_made);
    if (!big) return !create && big.error().code == ENOENT ? Status() : Status(big.error());
    big_dir_ = *big;
  }
  if (!create || is_big_named_) return {};
  // Also when it was there: the process that made it may have died before its name was safe.
  if (auto synced = io_.fsync(dir_); !synced) return synced;
  is_big_named_ = true;
  return {};
}

Status AccountStore::load(bool is_start) {
  auto index = load_index();
  if (!index) return index.error();
  journal_ = std::make_unique<Journal>(io_, journal_dir_, Journal::Limits{options_.segment_size, options_.preallocate});
  const HeaderCache::Known known{index->cache_generation, index->cache_end};
  cache_ = std::make_unique<HeaderCache>(io_, dir_, *state_, known, options_.small_cache);
  journal_->set_mark(index->mark);
  journal_->set_used(index->segment);
  if (auto opened = journal_->open(); !opened) return opened;

  uint64_t replayed = 0;
  uint64_t senseless = 0;
  bool is_hidden = false;
  bool is_damaged = false;
  Seq hidden_at_end = 0;  // at most so many records were in damaged bytes behind the last sound one
  std::vector<Change> nobody;
  Journal::Sink sink;
  sink.on_record = [&](const Record& record, Place place) {
    if (!state_->apply(record, place, nobody)) ++senseless;
    if (record.type == RecordType::account) senseless = 0;  // a whole state follows
    nobody.clear();
    hidden_at_end = 0;
    replayed += kRecordHeader + record.meta.size() + record.body.size();
  };
  sink.on_damage = [&](Place place, std::string_view bytes, const Record* lost, bool is_torn) {
    is_damaged = true;
    const std::string name = segment_name(place.segment) + "-" + std::to_string(place.offset);
    keep_aside(name, bytes, is_torn ? "torn tail cut" : "damaged record passed over");
    if (lost != nullptr) state_->skip_lost(*lost);
    if (lost == nullptr && !is_torn) {
      is_hidden = true;
      hidden_at_end += bytes.size() / kRecordHeader + 1;
    }
  };
  auto durable = journal_->scan({index->segment, index->offset}, state_->last_seq(), sink);
  if (!durable) return durable.error();
  state_->end_replay();
  if (is_hidden) state_->skip_uids(kUidJump);
  if (hidden_at_end > 0) state_->set_last_seq(state_->last_seq() + hidden_at_end);
  if (senseless > 0) report("store: " + std::to_string(senseless) + " records name what is no longer there");
  if (state_->rows_without_bytes() > 0) {
    report("store: " + std::to_string(state_->rows_without_bytes()) + " rows without their message's bytes");
  }
  if (state_->remade_boxes() > 0) {
    report("store: " + std::to_string(state_->remade_boxes()) +
           " mailboxes made anew for their messages: the record of their making is lost");
  }
  since_checkpoint_ = is_damaged ? options_.checkpoint_every : replayed;
  written_seq_ = state_->last_seq();
  proven_seq_ = *durable;
  if (is_start) {
    // What no record calls durable was written by a process that died; it is synced when that is asked for.
    // An older segment is durable, but in a directory that perhaps is not.
    has_unsynced_names_ = index_bytes_ == 0 && !journal_->has_proof();
    durable_seq_ = has_unsynced_names_ ? 0 : std::min(*durable, written_seq_);
  }
  if (has_unsynced_names_)
    journal_->set_names_unsynced();
  else
    options_.sync_name = {};
  if (durable_seq_ < written_seq_) journal_->set_unsynced();
  if (!options_.create && state_->boxes().empty()) return {};
  return make_standard_mailboxes();
}

// Into a new state, ready for replay. An empty head: there is no index, or it is damaged.
Result<Index::Head> AccountStore::load_index() {
  state_ = std::make_unique<State>();
  state_->begin_replay();
  auto index = Index::open(io_, dir_, true);
  if (!index && index.error().code == ENOENT) return Index::Head{};
  if (!index && index.error().code != EBADMSG && index.error().code != EIO) return index.error();
  if (index) {
    const Index::Head head = index->head();
    index_bytes_ = index->size();
    if (std::move(*index).load_into(*state_)) return head;
  }
  keep_index_aside();
  state_ = std::make_unique<State>();
  state_->begin_replay();
  index_bytes_ = 0;
  return Index::Head{};
}

void AccountStore::keep_index_aside() {
  std::string bytes;
  if (const auto fd = io_.openat(dir_, "checkpoint", O_RDONLY)) {
    const auto size = io_.file_size(*fd);
    bytes.resize(size ? *size : 0);
    const auto got = io_.pread(*fd, bytes.data(), bytes.size(), 0);
    bytes.resize(got ? *got : 0);
    io_.close(*fd);
  }
  keep_aside("checkpoint", bytes, "checkpoint is damaged, replaying the whole journal");
}

void AccountStore::keep_aside(const std::string& name, std::string_view bytes, const char* what) {
  report(std::string("store: ") + what + ": " + std::to_string(bytes.size()) + " bytes kept as aside/" + name);
  bool is_made = false;
  auto dir = open_directory(io_, dir_, "aside", true, is_made);
  if (!dir) return report("store: aside: " + dir.error().text);
  auto fd = io_.openat(*dir, name, O_RDWR | O_CREAT | O_TRUNC);
  if (fd) {
    const std::string_view parts[] = {bytes};
    Status kept = io_.pwritev(*fd, parts, 0);
    if (kept) kept = io_.fsync(*fd);
    if (kept) kept = io_.fsync(*dir);
    if (!kept) report("store: aside/" + name + ": " + kept.error().text);
    io_.close(*fd);
  } else {
    report("store: aside/" + name + ": " + fd.error().text);
  }
  io_.close(*dir);
}

// Big files whose record never became durable, or whose expunge did.
Status AccountStore::remove_orphans() {
  if (big_dir_ < 0) return {};
  auto names = io_.readdir(big_dir_);
  if (!names) return names.error();
  for (const std::string& name : *names) {
    const auto object = parse_hex64(name);
    const Body* body = object ? state_->body(*object) : nullptr;
    if (body != nullptr && body->segment == 0) continue;
    if (auto gone = io_.unlinkat(big_dir_, name); !gone) report("store: big/" + name + ": " + gone.error().text);
  }
  return {};
}

}  // namespace mailkeep::store
