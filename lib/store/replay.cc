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

Result<std::string> read_file(os::Io& io, int dir, const std::string& name) {
  auto fd = io.openat(dir, name, O_RDONLY);
  if (!fd) return fd.error();
  auto size = io.file_size(*fd);
  std::string bytes(size ? *size : 0, '\0');
  auto got = io.pread(*fd, bytes.data(), bytes.size(), 0);
  io.close(*fd);
  if (!size) return size.error();
  if (!got) return got.error();
  bytes.resize(*got);
  return bytes;
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
  auto big = open_directory(io_, dir_, "big", true, is_made);
  if (!big) return big.error();
  big_dir_ = *big;
  return {};
}

Status AccountStore::load(bool is_start) {
  state_ = std::make_unique<State>();
  journal_ = std::make_unique<Journal>(io_, journal_dir_, Journal::Limits{options_.segment_size, options_.preallocate});
  cache_ = std::make_unique<HeaderCache>(io_, dir_);
  if (auto opened = cache_->open(); !opened) return opened;

  CheckpointMeta position;
  uint64_t mark = 0;
  auto saved = read_file(io_, dir_, "checkpoint");
  if (!saved && saved.error().code != ENOENT) return saved.error();
  state_->begin_replay();
  if (saved && !load_checkpoint(*saved, position, mark)) {
    keep_aside("checkpoint", *saved, "checkpoint is damaged, replaying the whole journal");
    state_ = std::make_unique<State>();
    state_->begin_replay();
    position = {};
    mark = 0;
  }
  if (!saved && is_start) {
    // A checkpoint says that these names are on the disk; without one a process may have died before they were.
    if (auto synced = io_.fsync(dir_); !synced) return synced;
  }
  journal_->set_mark(mark);
  journal_->set_used(position.segment);
  if (auto opened = journal_->open(); !opened) return opened;

  uint64_t replayed = 0;
  uint64_t senseless = 0;
  bool is_hidden = false;
  bool is_damaged = false;
  std::vector<Change> nobody;
  Journal::Sink sink;
  sink.on_record = [&](const Record& record, Place place) {
    if (!state_->apply(record, place, nobody)) ++senseless;
    if (record.type == RecordType::account) senseless = 0;  // a whole state follows
    nobody.clear();
    replayed += kRecordHeader + record.meta.size() + record.body.size();
  };
  sink.on_damage = [&](Place place, std::string_view bytes, const Record* lost, bool is_torn) {
    is_damaged = true;
    const std::string name = segment_name(place.segment) + "-" + std::to_string(place.offset);
    keep_aside(name, bytes, is_torn ? "torn tail cut" : "damaged record passed over");
    if (lost != nullptr) state_->skip_lost(*lost);
    if (lost == nullptr && !is_torn) is_hidden = true;
  };
  if (auto scanned = journal_->scan({position.segment, position.offset}, state_->last_seq(), sink); !scanned) return scanned;
  state_->end_replay();
  if (is_hidden) state_->skip_uids(kUidJump);
  if (senseless > 0) report("store: " + std::to_string(senseless) + " records name what is no longer there");
  if (state_->rows_without_bytes() > 0) {
    report("store: " + std::to_string(state_->rows_without_bytes()) + " rows without their message's bytes");
  }
  cache_->scan(position.cache_end, *state_);
  since_checkpoint_ = is_damaged ? options_.checkpoint_every : replayed;
  written_seq_ = state_->last_seq();
  if (is_start && replayed > 0) {
    // Written by a process that died; perhaps only in the page cache.
    journal_->set_unsynced();
    if (auto synced = journal_->sync(); !synced) return synced;
  }
  if (is_start) durable_seq_ = written_seq_;
  if (!options_.create && state_->boxes().empty()) return {};
  return make_standard_mailboxes();
}

bool AccountStore::load_checkpoint(std::string_view bytes, CheckpointMeta& position, uint64_t& mark) {
  if (bytes.size() < kRecordHeader) return false;
  Reader r(bytes.substr(4));
  mark = r.u64();
  std::vector<Change> nobody;
  uint32_t records = 0;
  for (bool is_first = true; !bytes.empty(); is_first = false) {
    const Parsed parsed = parse_record(bytes, mark);
    if (parsed.state != Parsed::State::whole) return false;
    if (is_first) {
      if (parsed.record.type != RecordType::checkpoint || !position.decode(parsed.record.meta)) return false;
    } else {
      if (!state_->apply(parsed.record, {}, nobody)) return false;
      ++records;
    }
    bytes.remove_prefix(parsed.size);
  }
  return records == position.records;
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
