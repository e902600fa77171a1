// A new database from a damaged one. See salvage.h.
// SPDX-License-Identifier: ISC
#include "queue/salvage.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <ctime>
#include <unordered_map>

#include "lib/base/text.h"
#include "lib/db/log_reader.h"
#include "lib/db/table_reader.h"
#include "lib/log/log.h"
#include "queue/tables.h"

namespace mailkeep::queue {

namespace {

constexpr size_t kBatch = 256;  // records of one transaction
constexpr uint32_t kCheckpointBytes = 32 * 1024 * 1024;

bool exists(const std::string& path) { return ::access(path.c_str(), F_OK) == 0; }

struct CloseDirectory {
  void operator()(DIR* directory) const { ::closedir(directory); }
};

Status remove_flat(const std::string& path) {
  const std::unique_ptr<DIR, CloseDirectory> directory(::opendir(path.c_str()));
  if (!directory) return errno == ENOENT ? Status() : errno_error("opendir " + path);
  while (const struct dirent* entry = ::readdir(directory.get())) {
    const std::string_view name = entry->d_name;
    if (name == "." || name == "..") continue;
    if (::unlinkat(::dirfd(directory.get()), entry->d_name, 0) != 0) return errno_error("unlink in " + path);
  }
  if (::rmdir(path.c_str()) != 0) return errno_error("rmdir " + path);
  return {};
}

Status sync_directory(const std::string& path) {
  const Fd directory(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory || ::fsync(directory.get()) != 0) return errno_error("fsync " + path);
  return {};
}

// A name for the old one that is not taken.
std::string kept_name(const std::string& directory) {
  const time_t now = static_cast<time_t>(now_unix());
  struct tm utc = {};
  ::gmtime_r(&now, &utc);
  char date[32];
  ::strftime(date, sizeof date, "%Y%m%dT%H%M%SZ", &utc);
  const std::string name = directory + "/db.damaged-" + date;
  std::string free = name;
  for (int n = 2; exists(free); ++n) free = name + "-" + std::to_string(n);
  return free;
}

class Salvage {
 public:
  Salvage(const SpoolOptions& options, LargeFiles& files)
      : options_(options), files_(files), old_(options.directory + "/db"), new_(options.directory + "/db.new") {}

  Status run(std::string_view why) {
    read_log();
    if (Status s = build(); !s) {
      txn_.reset();
      history_.reset();
      tables_.reset();
      environment_.reset();
      if (Status r = remove_flat(new_); !r) log::warn("spool-salvage").kv("why", r.error().text);
      return s;
    }
    const std::string kept = kept_name(options_.directory);
    if (::rename(old_.c_str(), kept.c_str()) != 0) return errno_error("rename " + old_);
    if (::rename(new_.c_str(), old_.c_str()) != 0) return errno_error("rename " + new_);
    if (Status s = sync_directory(options_.directory); !s) return s;
    report(why, kept);
    return {};
  }

 private:
  using Key = std::string;  // the kind of record, then its key
  static Key key_of(const Identity& id) { return std::string(1, static_cast<char>(id.record)) + id.key; }

  void read_log() {
    const auto state = db::examine_log(old_);
    if (!state) {
      log::error("spool-salvage").kv("log", state.error().text);
      return;
    }
    damage_ = state->damage;
    db::LogVisitor visitor;
    visitor.put = [this](std::string_view value) {
      if (const auto id = identify(value)) logged_[key_of(*id)] = std::string(value);
    };
    visitor.removed = [this](std::string_view value) {
      if (const auto id = identify(value)) logged_[key_of(*id)] = std::nullopt;
    };
    if (Status s = db::replay_log(old_, *state, visitor); !s) log::error("spool-salvage").kv("log", s.error().text);
  }

  Status build() {
    if (Status s = remove_flat(new_); !s) return s;
    if (::mkdir(new_.c_str(), 0700) != 0) return errno_error("mkdir " + new_);
    db::EnvironmentOptions options;
    options.home = new_;
    options.cache_bytes = options_.cache_bytes;
    options.log_file_bytes = options_.log_file_bytes;
    options.zero_log_files = options_.zero_log_files;
    auto environment = db::Environment::open(std::move(options));
    if (!environment) return environment.error();
    environment_ = std::move(environment).value();
    auto tables = open_tables(*environment_);
    if (!tables) return tables.error();
    tables_.emplace(std::move(tables).value());
    auto history = History::open(*environment_);
    if (!history) return history.error();
    history_.emplace(std::move(history).value());
    read_table("message", kRecordPage, Record::kMessage);
    read_table("envelope", kRecordPage, Record::kEnvelope);
    read_table("body", kBodyPage, Record::kBody);
    read_table("aside", kRecordPage, std::nullopt);
    read_table(History::kAttempts, kRecordPage, Record::kAttempt);
    read_table(History::kFinished, kRecordPage, Record::kLife);
    read_table(History::kRefused, kRecordPage, Record::kRefusal);
    for (const auto& [key, value] : logged_) {
      if (value) store(*value);
    }
    if (good_) good_ = end_batch();
    if (good_) good_ = orphans();
    if (good_) good_ = end_batch();
    history_.reset();
    tables_.reset();
    if (!good_) return good_;
    Status closed = environment_->close();
    environment_.reset();
    return closed;
  }

  // A kind: what the table is for. None: the records that had been set aside before.
  void read_table(const char* name, uint32_t page_bytes, std::optional<Record> kind) {
    db::TableVisitor visitor;
    visitor.record_at = record_length;
    visitor.entry = [&](std::string_view key, std::string_view value) {
      if (!kind) return set_aside(std::string(key), value);
      const auto id = identify(value);
      if (id) return take(*id, value);
      if (logged_.contains(std::string(1, static_cast<char>(*kind)) + std::string(key)))
        return;                            // the log knows better
      if (*kind >= Record::kLife) return;  // of the past nobody mends a record
      ++damaged_;
      log::error("spool-record-set-aside").kv("table", name).kv("key", hex(key)).kv("why", "record is damaged");
      // Two whose keys cannot be read must not have the same.
      set_aside(std::string(name) + ":" + (key.empty() ? "?" + std::to_string(damaged_) : std::string(key)), value);
    };
    visitor.record = [&](std::string_view value) {
      if (!kind) return;
      if (const auto id = identify(value)) take(*id, value);
    };
    const auto state = db::read_table(old_ + "/" + name, page_bytes, visitor);
    if (state) {
      pages_ += state->damaged;
    } else {
      log::error("spool-salvage").kv("table", name).kv("why", state.error().text);
    }
  }

  void take(const Identity& id, std::string_view value) {
    if (!logged_.contains(key_of(id))) store(value);
  }

  // Into its table, unless it is there.
  void store(std::string_view value) {
    const auto id = identify(value);
    if (!id || !in_batch()) return;
    good_ = table_of(id->record).insert(*txn_, id->key, value);
    if (!good_ && good_.error().code == EEXIST) {
      good_ = Status();
      return;
    }
    ++stored_[static_cast<size_t>(id->record)];
    if (!good_ || id->record != Record::kEnvelope) return;
    if (const auto envelope = decode_envelope(value)) good_ = put_indexes(*tables_, *txn_, *envelope);
  }

  db::Database& table_of(Record record) {
    switch (record) {
      case Record::kMessage: return tables_->message;
      case Record::kBody: return tables_->body;
      case Record::kEnvelope: return tables_->envelope;
      default: return history_->table_of(record);
    }
  }

  void set_aside(const std::string& key, std::string_view value) {
    if (in_batch()) good_ = tables_->aside.put(*txn_, key, value);
  }

  bool in_batch() {
    if (good_ && batched_++ % kBatch == 0) good_ = end_batch();
    if (!good_ || txn_) return good_.has_value();
    auto txn = environment_->begin();
    if (txn) {
      txn_.emplace(std::move(txn).value());
    } else {
      good_ = txn.error();
    }
    return good_.has_value();
  }

  Status end_batch() {
    if (!txn_) return {};
    Status s = txn_->commit();
    txn_.reset();
    return s ? environment_->checkpoint(kCheckpointBytes) : s;
  }

  Status orphans() {
    auto messages = without_partner(tables_->message, [this](std::string_view key) {
      auto cursor = db::Cursor::open(tables_->envelope);
      if (!cursor) return Result<bool>(cursor.error());
      const Result<bool> found = cursor->seek(key);
      return found && *found ? Result<bool>(cursor->key().starts_with(key)) : found;
    });
    if (!messages) return messages.error();
    for (const std::string& key : *messages) orphan(tables_->message, key, "no envelope of it is left");
    if (Status s = end_batch(); !s) return s;
    auto bodies = without_partner(tables_->body,
                                  [this](std::string_view key) { return tables_->message.contains(nullptr, key); });
    if (!bodies) return bodies.error();
    for (const std::string& key : *bodies) orphan(tables_->body, key, "no message of it is left");
    if (Status s = end_batch(); !s) return s;
    db::Database& attempts = history_->table_of(Record::kAttempt);
    auto past = without_partner(
        attempts, [this](std::string_view key) { return tables_->envelope.contains(nullptr, key.substr(0, 12)); });
    if (!past) return past.error();
    for (const std::string& key : *past) {
      if (!in_batch()) break;
      if (const Result<bool> gone = attempts.erase(*txn_, key); !gone) good_ = gone.error();
    }
    return good_;
  }

  Result<std::vector<std::string>> without_partner(const db::Database& table,
                                                   const std::function<Result<bool>(std::string_view)>& has) {
    std::vector<std::string> keys;
    auto cursor = db::Cursor::open(table);
    if (!cursor) return cursor.error();
    Result<bool> more = cursor->next();
    for (; more && *more; more = cursor->next()) {
      const Result<bool> partner = has(cursor->key());
      if (!partner) return partner.error();
      if (!*partner) keys.emplace_back(cursor->key());
    }
    if (!more) return more.error();
    return keys;
  }

  void orphan(db::Database& table, const std::string& key, std::string_view why) {
    if (!in_batch()) return;
    const auto value = table.get(&*txn_, key);
    if (!value) good_ = value.error();
    if (!value || !value->has_value()) return;
    ++orphans_;
    log::error("spool-record-set-aside").kv("table", table.name()).kv("key", hex(key)).kv("why", why);
    good_ = tables_->aside.put(*txn_, table.name() + ":" + key, **value);
    if (!good_) return;
    if (const Result<bool> gone = table.erase(*txn_, key); !gone) good_ = gone.error();
    const auto message = decode_message(**value);
    if (good_ && message && message->in_file) good_ = files_.set_aside(message->id);
  }

  uint64_t stored(Record record) const { return stored_[static_cast<size_t>(record)]; }

  void report(std::string_view why, const std::string& kept) const {
    for (const db::LogDamage& d : damage_) {
      log::error("spool-log-damaged").kv("file", d.place.file).kv("offset", d.place.offset).kv("bytes", d.bytes);
    }
    log::error("spool-salvaged")
        .kv("why", why)
        .kv("messages", stored(Record::kMessage))
        .kv("bodies", stored(Record::kBody))
        .kv("envelopes", stored(Record::kEnvelope))
        .kv("log-damage", damage_.size())
        .kv("pages-damaged", pages_)
        .kv("records-damaged", damaged_)
        .kv("orphans", orphans_)
        .kv("kept", kept);
  }

  const SpoolOptions& options_;
  LargeFiles& files_;
  const std::string old_, new_;
  std::vector<db::LogDamage> damage_;
  std::unordered_map<Key, std::optional<std::string>> logged_;  // none: removed. No more than the log's files hold
  std::unique_ptr<db::Environment> environment_;
  std::optional<Tables> tables_;
  std::optional<History> history_;
  std::optional<db::Transaction> txn_;
  Status good_;
  size_t batched_ = 0;
  uint64_t stored_[static_cast<size_t>(Record::kRefusal) + 1] = {};  // by kind
  uint64_t pages_ = 0, damaged_ = 0, orphans_ = 0;
};

}  // namespace

Status settle_salvage(const std::string& directory) {
  const std::string home = directory + "/db";
  const std::string fresh = directory + "/db.new";
  if (!exists(fresh)) return {};
  if (exists(home)) return remove_flat(fresh);
  if (::rename(fresh.c_str(), home.c_str()) != 0) return errno_error("rename " + fresh);
  return sync_directory(directory);
}

Status salvage(const SpoolOptions& options, LargeFiles& files, std::string_view why) {
  return Salvage(options, files).run(why);
}

}  // namespace mailkeep::queue
