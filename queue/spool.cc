// Opening, staging and committing. See spool.h; reading is in spool_read.cc.
// SPDX-License-Identifier: ISC
#include "queue/spool.h"

#include <bsd/stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include <algorithm>

#include "lib/base/clock.h"
#include "lib/base/text.h"
#include "lib/db/log_reader.h"
#include "lib/log/log.h"
#include "queue/salvage.h"

namespace mailkeep::queue {

namespace {

constexpr size_t kUncertain = 10000;  // refused messages remembered while the disk is broken

Result<uint64_t> free_bytes_of(const std::string& directory) {
  struct statvfs s = {};
  if (::statvfs(directory.c_str(), &s) != 0) return errno_error("statvfs " + directory);
  return uint64_t{s.f_bavail} * s.f_frsize;
}

// What time, room or rights may mend; of all else a new database is made.
bool may_pass(const Error& error) {
  switch (error.code) {
    case ENOSPC:
    case EDQUOT:
    case EIO:
    case ENOMEM:
    case EMFILE:
    case ENFILE:
    case EACCES:
    case EPERM:
    case EROFS: return true;
    default: return false;
  }
}

constexpr Seconds kPause(1);  // between attempts to open a spool that could not be opened

}  // namespace

Result<std::unique_ptr<Spool>> Spool::open(SpoolOptions options) {
  std::unique_ptr<Spool> spool(new Spool(std::move(options)));
  os::Io& io = spool->options_.io != nullptr ? *spool->options_.io : spool->real_io_;
  if (Status s = settle_salvage(spool->options_.directory); !s) return s.error();
  const std::string home = spool->options_.directory + "/db";
  if (::mkdir(home.c_str(), 0700) != 0 && errno != EEXIST) return errno_error("mkdir " + home);
  auto files = LargeFiles::open(io, spool->options_.directory);
  if (!files) return files.error();
  spool->files_ = std::move(files).value();
  if (Status s = spool->start(false); !s) return s.error();
  if (Status s = spool->in_hand_.open(spool->options_.directory + "/in-hand"); !s)
    log::warn("spool-in-hand").kv("why", s.error().text);
  return spool;
}

Spool::~Spool() { shut(); }

// The engine's recovery would take a damaged place in its log for the end: so that is looked for before.
Status Spool::start(bool is_suspect) {
  const std::string home = options_.directory + "/db";
  const Result<db::LogState> state = db::examine_log(home);
  if (!state) return state.error();
  if (!state->damage.empty()) {
    if (Status s = salvage(options_, *files_, "its log is damaged"); !s) return s;
    ++salvages_;
    is_suspect = false;
  }
  Status s = try_start(is_suspect);
  if (s || may_pass(s.error())) return s;
  const std::string why = s.error().text;
  if (Status saved = salvage(options_, *files_, why); !saved) return saved;
  ++salvages_;
  return try_start(false);
}

Status Spool::try_start(bool is_suspect) {
  db::EnvironmentOptions options;
  options.home = options_.directory + "/db";
  options.cache_bytes = options_.cache_bytes;
  options.log_file_bytes = options_.log_file_bytes;
  options.zero_log_files = options_.zero_log_files;
  options.on_message = [](std::string_view text) { log::error("spool-engine").kv("text", text); };
  auto environment = db::Environment::open(std::move(options));
  if (!environment) return environment.error();
  environment_ = std::move(environment).value();
  Status s;
  auto tables = open_tables(*environment_);
  if (tables) {
    tables_.emplace(std::move(tables).value());
  } else {
    s = tables.error();
  }
  if (s) {
    auto history = History::open(*environment_);
    if (history) {
      history_.emplace(std::move(history).value());
    } else {
      s = history.error();
    }
  }
  if (s) {
    auto search = SearchIndex::open(*environment_);
    if (search) {
      search_.emplace(std::move(search).value());
    } else {
      s = search.error();
    }
  }
  if (s) s = disown();
  if (s) s = count(is_suspect);
  if (s && is_suspect) s = read_all();
  if (!s) shut();
  return s;
}

// The envelopes, of very many the first; then the files that no message names.
Status Spool::count(bool all) {
  counts_ = {};
  counted_to_.clear();
  counting_ = true;
  if (Status s = count_rows(all ? UINT64_MAX : options_.counted_at_start); !s) return s;
  const Result<std::vector<uint64_t>> ids = files_->list();
  if (!ids) return ids.error();
  for (const uint64_t id : *ids) {
    const Result<bool> named = tables_->message.contains(nullptr, message_key(id));
    if (!named) return named.error();
    if (*named) continue;
    log::info("spool-file-removed").kv("msg", hex64(id)).kv("why", "no message names it");
    if (Status s = files_->remove(id); !s) return s;
  }
  return {};
}

// The engine gave up over something; if that is on a page, it is met here and not at the next reading.
Status Spool::read_all() const {
  std::vector<const db::Database*> tables = history_->tables();
  tables.insert(tables.end(), {&tables_->message, &tables_->body, &tables_->envelope, &tables_->destination,
                               &tables_->aside, &search_->table()});
  for (const db::Database* table : tables) {
    auto cursor = db::Cursor::open(*table);
    if (!cursor) return cursor.error();
    Result<bool> more = cursor->next();
    while (more && *more) more = cursor->next();
    if (!more) return more.error();
  }
  return {};
}

void Spool::shut() {
  search_.reset();
  history_.reset();
  tables_.reset();
  environment_.reset();
}

// After an error that asks for it: everything is opened again, which recovers what was flushed.
Status Spool::revive() {
  if (environment_ && !environment_->failed()) return {};
  if (now_monotonic() < revive_after_) return *why_down_;
  const bool is_suspect = environment_ && environment_->suspect();
  shut();
  if (Status s = start(is_suspect || suspect_); !s) {
    suspect_ = suspect_ || is_suspect;
    log::error("spool-closed").kv("why", s.error().text);
    revive_after_ = now_monotonic() + kPause;
    why_down_ = s.error();
    return s;
  }
  suspect_ = false;
  ++generation_;
  unsettled_ = true;
  log::warn("spool-reopened").kv("generation", generation_).kv("local", counts_.local).kv("relay", counts_.relay);
  return {};
}

// Messages that were refused may have reached the log all the same; their senders will send them again.
Status Spool::disown() {
  if (disowned_.empty()) return {};
  auto txn = environment_->begin();
  if (!txn) return txn.error();
  std::vector<uint64_t> files;
  for (const uint64_t id : disowned_) {
    if (Status s = remove_message(*txn, id, files); !s) return s;
  }
  if (Status s = txn->commit(); !s) return s;
  if (Status s = environment_->flush(); !s) return s;
  unlink_later_.insert(unlink_later_.end(), files.begin(), files.end());
  disowned_.clear();
  return {};
}

Result<uint64_t> Spool::new_id() {
  if (Status s = revive(); !s) return s.error();
  for (;;) {
    const uint64_t id = static_cast<uint64_t>(now_unix()) << 32 | arc4random();
    const Result<bool> taken = tables_->message.contains(nullptr, message_key(id));
    if (!taken) return taken.error();
    if (!*taken) return id;
  }
}

Status Spool::room_for(uint64_t bytes) const {
  const Result<uint64_t> free = options_.free_bytes ? options_.free_bytes() : free_bytes_of(options_.directory);
  if (!free) return free.error();
  if (*free < options_.reserve_bytes + bytes) return Error("spool: " + std::to_string(*free) + " bytes free", ENOSPC);
  return {};
}

Result<Fd> Spool::create_file(uint64_t id) {
  if (Status s = revive(); !s) return s.error();
  if (Status s = room_for(0); !s) return s.error();
  const Result<bool> taken = tables_->message.contains(nullptr, message_key(id));
  if (!taken) return taken.error();
  if (*taken) return Error("message id " + hex64(id) + " is taken", EEXIST);
  return files_->create(id);
}

void Spool::drop_file(uint64_t id) {
  if (Status s = files_->remove(id); !s) log::warn("spool-file-kept").kv("msg", hex64(id)).kv("why", s.error().text);
}

size_t Spool::stage(Change change) {
  staged_.push_back(std::move(change));
  return staged_.size() - 1;
}

uint64_t& count_of(Counts& counts, Lane lane) {
  return lane == Lane::kLocal ? counts.local : lane == Lane::kRelay ? counts.relay : counts.held;
}

std::vector<Status> Spool::commit() {
  std::vector<Change> changes = std::exchange(staged_, {});
  std::vector<Status> results(changes.size());
  if (changes.empty()) return results;
  if (Status s = revive(); !s) return std::vector<Status>(changes.size(), s);

  uint64_t bytes = 0;
  bool has_file = false;
  for (const Change& c : changes) bytes += c.body.size() * 2;
  const Status room = room_for(bytes);
  remembers_ = keep_history_ && room;  // what ends must find room where others have filled the disk
  for (size_t i = 0; i < changes.size(); ++i) {
    if (!changes[i].message) continue;
    if (!room) results[i] = room;
    if (!results[i] || !changes[i].message->in_file) continue;
    has_file = true;
    if (const Result<uint32_t> crc = files_->sync(changes[i].message->id, changes[i].message->size); crc) {
      changes[i].message->checksum = *crc;
    } else {
      results[i] = crc.error();
    }
  }
  const Status names = has_file ? files_->sync_names() : Status();

  bool flush_needed = false;
  for (size_t i = 0; i < changes.size(); ++i) {
    const bool adds = changes[i].message.has_value();
    if (adds && changes[i].message->in_file && !names) results[i] = names;
    if (!results[i]) continue;
    if (environment_->failed()) {
      results[i] = Error("spool: the database must be opened again", ENOTRECOVERABLE);
      continue;
    }
    results[i] = apply(changes[i]);
    flush_needed = flush_needed || ((adds || changes[i].durable) && results[i]);
    unsettled_ = unsettled_ || !adds;
  }
  Status flushed = environment_->failed() ? Status(Error("spool: the database has failed", ENOTRECOVERABLE)) : Status();
  if (flush_needed && flushed) flushed = environment_->flush();
  if (!flushed) {
    // No one knows what of this turn is on the disk: all of it is refused, and undone should it turn up.
    for (size_t i = 0; i < changes.size(); ++i) {
      if (changes[i].message && results[i] && disowned_.size() < kUncertain)
        disowned_.push_back(changes[i].message->id);
      if (results[i]) results[i] = flushed;
    }
    return results;
  }
  if (flush_needed) {
    if (Status s = after_flush(); !s) log::warn("spool-settle-failed").kv("why", s.error().text);
  }
  return results;
}

// Only now may the files of removed messages go; and old log files, when enough has been written.
Status Spool::after_flush() {
  unsettled_ = false;
  for (const uint64_t id : std::exchange(unlink_later_, {})) drop_file(id);
  return environment_->checkpoint(kCheckpointBytes);
}

Status Spool::settle() {
  if (Status s = revive(); !s) return s;
  if (!unsettled_) return environment_->checkpoint(kCheckpointBytes);
  if (Status s = environment_->flush(); !s) return s;
  return after_flush();
}

Status Spool::close() {
  if (!environment_) return {};
  if (Status s = settle(); !s) return s;
  search_.reset();
  history_.reset();
  tables_.reset();
  Status s = environment_->close();
  environment_.reset();
  return s;
}

Status Spool::apply(const Change& change) {
  auto txn = environment_->begin();
  if (!txn) return txn.error();
  Counts delta;  // wraps around below zero, and back when added
  std::vector<uint64_t> files;
  history_->begin();
  if (change.message) {
    if (Status s = write_message(*txn, change); !s) return s;
  }
  if (change.renewed) {
    if (Status s = renew_message(*txn, *change.renewed); !s) return s;
  }
  for (const Envelope& envelope : change.put) {
    if (Status s = put_envelope(*txn, envelope, delta); !s) return s;
    if (!change.attempt || !remembers_) continue;
    if (Status s = history_->attempted(*txn, envelope.id, *change.attempt); !s) return s;
  }
  for (const Ended& ended : change.ended) {
    if (Status s = remove_envelope(*txn, ended.id, delta, files, &ended); !s) return s;
  }
  for (const EnvelopeId& id : change.removed) {
    if (Status s = remove_envelope(*txn, id, delta, files); !s) return s;
  }
  for (const Note& note : change.notes) {
    if (Status s = put_note(*txn, note); !s) return s;
  }
  for (const Refusal& refusal : change.refusals) {
    if (!remembers_) break;
    if (Status s = history_->refused(*txn, refusal); !s) return s;
  }
  if (Status s = txn->commit(); !s) return s;
  history_->keep();
  counts_.local += delta.local;
  counts_.relay += delta.relay;
  counts_.held += delta.held;
  unlink_later_.insert(unlink_later_.end(), files.begin(), files.end());
  return {};
}

Status Spool::write_message(db::Transaction& txn, const Change& change) {
  const Message& message = *change.message;
  if (message.in_file != change.body.empty() && message.size != 0)
    return Error("spool: a body in two places or none", EINVAL);
  if (!message.in_file && message.size != change.body.size()) return Error("spool: wrong size of body", EINVAL);
  const std::string key = message_key(message.id);
  if (Status s = tables_->message.insert(txn, key, encode(message)); !s) return s;
  if (Status s = search_->put(txn, message); !s) return s;
  if (message.in_file) return {};
  return tables_->body.put(txn, key, encode_body(message.id, change.body));
}

// Not written over, as an envelope is not.
Status Spool::renew_message(db::Transaction& txn, const Message& message) {
  const std::string key = message_key(message.id);
  if (Status s = unindex_message(txn, message.id); !s) return s;
  const Result<bool> gone = tables_->message.erase(txn, key);
  if (!gone) return gone.error();
  if (!*gone) return Error("spool: no message " + hex64(message.id), ENOENT);
  if (Status s = tables_->message.put(txn, key, encode(message)); !s) return s;
  return search_->put(txn, message);
}

Status Spool::unindex_message(db::Transaction& txn, uint64_t id) {
  if (!search_->covers(id)) return {};
  const auto record = tables_->message.get(&txn, message_key(id));
  if (!record) return record.error();
  if (!record->has_value()) return {};
  const Result<Message> message = decode_message(**record);
  return message ? search_->erase(txn, *message) : Status();
}

Status Spool::erase_indexes(db::Transaction& txn, const Envelope& envelope, Counts& delta) {
  const Result<bool> due = tables_->due.erase(txn, due_key(envelope));
  if (!due) return due.error();
  const Result<bool> destination = tables_->destination.erase(txn, destination_key(envelope));
  if (!destination) return destination.error();
  if (*due && is_counted(due_key(envelope))) --count_of(delta, lane_of(envelope));
  return {};
}

Status Spool::put_envelope(db::Transaction& txn, const Envelope& envelope, Counts& delta) {
  const std::string key = envelope_key(envelope.id);
  const auto old = tables_->envelope.get(&txn, key);
  if (!old) return old.error();
  if (old->has_value()) {
    const Result<Envelope> before = decode_envelope(**old);
    if (before) {
      if (Status s = erase_indexes(txn, *before, delta); !s) return s;
    }
    if (Status s = before ? search_->replace(txn, *before, envelope) : search_->put(txn, envelope); !s) return s;
    // Not written over: the log would have only the bytes that differ, and a record must be whole there.
    if (const Result<bool> gone = tables_->envelope.erase(txn, key); !gone) return gone.error();
  } else if (Status s = search_->put(txn, envelope); !s) {
    return s;
  }
  if (Status s = tables_->envelope.put(txn, key, encode(envelope)); !s) return s;
  if (Status s = put_indexes(*tables_, txn, envelope); !s) return s;
  if (is_counted(due_key(envelope))) ++count_of(delta, lane_of(envelope));
  return {};
}

// Its attempts go in any case; its life is written when it is finished, not when others take its place.
Status Spool::remember(db::Transaction& txn, const Envelope& envelope, const Ended& ended) {
  const auto record = tables_->message.get(&txn, message_key(envelope.id.message));
  if (!record) return record.error();
  const auto message = record->has_value() ? decode_message(**record) : Result<Message>(Error("none", ENOENT));
  Life life = life_of(envelope, message ? *message : Message());
  life.ended = ended.last.at;
  life.report = ended.report;
  life.tries.push_back(ended.last);
  return history_->ended(txn, envelope.id, std::move(life));
}

Status Spool::remove_envelope(db::Transaction& txn, const EnvelopeId& id, Counts& delta, std::vector<uint64_t>& files,
                              const Ended* ended) {
  const std::string key = envelope_key(id);
  const auto record = tables_->envelope.get(&txn, key);
  if (!record) return record.error();
  if (!record->has_value()) return {};
  const Result<Envelope> envelope = decode_envelope(**record);
  if (envelope) {
    if (Status s = erase_indexes(txn, *envelope, delta); !s) return s;
    if (Status s = search_->erase(txn, *envelope); !s) return s;
  }
  const bool is_kept = ended != nullptr && envelope && remembers_;
  if (Status s = is_kept ? remember(txn, *envelope, *ended) : history_->ended(txn, id, {}); !s) return s;
  if (const Result<bool> gone = tables_->envelope.erase(txn, key); !gone) return gone.error();
  return remove_unnamed(txn, id.message, files);
}

// A message whose last envelope is gone.
Status Spool::remove_unnamed(db::Transaction& txn, uint64_t id, std::vector<uint64_t>& files) {
  {
    auto cursor = db::Cursor::open(tables_->envelope, &txn);
    if (!cursor) return cursor.error();
    const Result<bool> more = cursor->seek(envelope_key({id, 0}));
    if (!more) return more.error();
    const auto next = *more ? parse_envelope_key(cursor->key()) : std::nullopt;
    if (next && next->message == id) return {};
  }
  const std::string message = message_key(id);
  if (Status s = unindex_message(txn, id); !s) return s;
  if (const Result<bool> gone = tables_->message.erase(txn, message); !gone) return gone.error();
  const Result<bool> in_table = tables_->body.erase(txn, message);
  if (!in_table) return in_table.error();
  if (!*in_table) files.push_back(id);
  return {};
}

Status Spool::remove_message(db::Transaction& txn, uint64_t id, std::vector<uint64_t>& files) {
  std::vector<EnvelopeId> found;
  {
    auto cursor = db::Cursor::open(tables_->envelope, &txn);
    if (!cursor) return cursor.error();
    Result<bool> more = cursor->seek(envelope_key({id, 0}));
    for (; more && *more; more = cursor->next()) {
      const auto envelope = parse_envelope_key(cursor->key());
      if (!envelope || envelope->message != id) break;
      found.push_back(*envelope);
    }
    if (!more) return more.error();
  }
  Counts ignored;  // counted anew by the caller
  for (const EnvelopeId& envelope : found) {
    if (Status s = remove_envelope(txn, envelope, ignored, files); !s) return s;
  }
  return {};
}

}  // namespace mailkeep::queue
