// The spool: every message that was acknowledged and is not yet delivered.
//
//   DIR/db/      a database environment (lib/db) with the tables
//     message      message id                           → Message
//     body         message id                           → the bytes, when they are at most 64 KiB
//     envelope     message id, number                   → Envelope
//     due          lane, next try, envelope id          → nothing: what to try next
//     destination  lane, account or domain, next try, envelope id → nothing
//     search       sender, domains or account, message id or envelope id → nothing: see search_index.h
//     note         kind, name                           → until when, and what relay remembers; nothing is lost with it but time
//     aside        table ":" key                        → a record that could not be read, as it was found
//     attempt, history, refused                         → what became of envelopes: history.h
//   DIR/in-hand  see in_hand.h
//   DIR/large/   one file per larger body, named by the message id in 16 hexadecimal digits
//
// The indexes are tables written in the same transaction as the envelope; a row whose envelope is gone or unreadable
// is dropped when it is met. (The engine's own secondary indexes would make such a row an error of every read.)
//
// stage() collects Changes, commit() makes each one transaction and all of them durable with one sync; a Change without
// a new message (unless it is marked durable) asks for no sync: it is durable with the next one. Losing it means that an envelope is delivered
// again, which its receiver recognises. The file of a message is removed only after the removal is durable.
//
// Damage costs the record it hit: one that its checksum does not confirm moves to `aside` when it is met (a file: to another
// name); a database that the engine refuses, or whose log is damaged, is made anew from what can be read (salvage.h).
//
// An error of the disk fails the Changes it hit and no others; the spool opens itself anew when the engine asks for it.
// DESIGN section 4. Process: queue. No event loop here; every call is synchronous.
// SPDX-License-Identifier: ISC
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "lib/base/clock.h"
#include "lib/base/fd.h"
#include "lib/db/db.h"
#include "lib/os/io.h"
#include "queue/envelope.h"
#include "queue/files.h"
#include "queue/history.h"
#include "queue/in_hand.h"
#include "queue/needle.h"
#include "queue/search_index.h"
#include "queue/tables.h"

namespace mailkeep::queue {

struct SpoolOptions {
  std::string directory;
  uint32_t log_file_bytes = 4 * 1024 * 1024;
  uint32_t cache_bytes = 12 * 1024 * 1024;  // the engine takes a quarter more
  bool zero_log_files = true;
  // No new message is taken when less than this would stay free: log, recovery and removals need it.
  uint64_t reserve_bytes = 64 * 1024 * 1024;
  uint64_t counted_at_start = 50'000;                 // envelopes; what is more is counted by count_on()
  std::function<Result<uint64_t>()> free_bytes = {};  // of the file system; for tests. Default: statvfs(3)
  os::Io* io = nullptr;                               // for the large files; default: the kernel's
};

// Something that relay remembers. An empty value: no more.
struct Note {
  std::string key;  // its kind in one byte, and its name
  int64_t expires = 0;
  std::string value;
};

// An envelope that is finished, and how.
struct Ended {
  EnvelopeId id;
  Attempt last;
  uint64_t report = 0;  // the message that tells its sender; 0: none
};

// One transaction. A message whose id is taken is refused with EEXIST. An envelope in `put` that is there already is written over (its indexes follow); the last
// envelope of a message that is removed takes the message with it.
struct Change {
  std::optional<Message> message;  // a new one; its body below or, with in_file, in the file of that id
  std::string body;
  std::optional<Message> renewed;  // the record, alone, of a message that is there; ENOENT without one
  std::vector<Envelope> put;
  std::vector<EnvelopeId> removed;
  std::vector<Note> notes;
  std::vector<Ended> ended;        // removed too, and remembered
  std::optional<Attempt> attempt;  // what happened to the envelopes in `put`, to be remembered
  std::vector<Refusal> refusals;   // to be remembered
  bool durable = false;  // asks for the sync without a new message too: what is undone by a crash would be done twice
};

struct Counts {
  uint64_t local = 0;
  uint64_t relay = 0;
  uint64_t held = 0;  // of either kind
  uint64_t all() const { return local + relay + held; }
};

uint64_t& count_of(Counts& counts, Lane lane);

// Some of what waits, in order of the ids.
struct Part {
  std::vector<Envelope> envelopes;
  EnvelopeId last;  // that was looked at
  bool more = false;
};

class Spool {
 public:
  // Makes what is missing, recovers, counts the envelopes (of very many the first), removes files that no message names.
  static Result<std::unique_ptr<Spool>> open(SpoolOptions options);
  ~Spool();

  // An id for a message made here: the seconds since 1970 << 32 | random, taken by no message of the spool.
  Result<uint64_t> new_id();

  // A file for the body of the message `id`, open for reading and writing. drop_file() when it comes to nothing.
  Result<Fd> create_file(uint64_t id);
  void drop_file(uint64_t id);

  // Collects; the returned number is the Change's place in the result of the next commit().
  size_t stage(Change change);
  size_t staged() const { return staged_.size(); }
  // What became of each Change, in the order of stage(). ENOSPC: no room now.
  std::vector<Status> commit();
  // Makes removals durable too and lets their files go; writes a checkpoint when enough has been logged. For idle time.
  Status settle();
  // Ends well: the next open() has nothing to recover. Only the destructor may follow.
  Status close();
  bool unsettled() const { return unsettled_; }

  // The bodies and records. Nothing (not an error) when the id is not there, or was unreadable and has been set aside.
  Result<std::optional<Message>> message(uint64_t id);
  Result<std::optional<Envelope>> envelope(const EnvelopeId& id);
  Result<std::vector<Envelope>> envelopes(uint64_t id);
  Result<std::optional<std::string>> body(uint64_t id);
  Result<Fd> open_file(uint64_t id);  // for reading only
  // The beginning of a message, with its header or most of it, of a file without its checksum; empty: it cannot be read now.
  static constexpr size_t kHead = 64 * 1024;
  std::string head(const Message& message);

  // At most `max` envelopes after `after` whose next try is not after `until`, in order of their next try.
  Result<std::vector<Envelope>> due(Kind kind, const DuePoint& after, int64_t until, size_t max);
  // The same for one account or domain.
  Result<std::vector<Envelope>> due_at(Kind kind, const std::string& destination, const DuePoint& after, int64_t until,
                                       size_t max);
  // When the first envelope after `after` is due.
  Result<std::optional<int64_t>> next_due(Kind kind, const DuePoint& after);
  // At most `max` envelopes in order of their ids, after `after`. For lists.
  Result<std::vector<Envelope>> list(const EnvelopeId& after, size_t max);
  // Those that may be wanted among the next `rows` of the same.
  Result<Part> look_through(const EnvelopeId& after, size_t rows, const Wanted& wanted);

  // Puts some of what has waited for kSettles seconds into the index by which look_through() finds it. True: there is more.
  Result<bool> index_on(int64_t now);
  bool is_index_behind() const { return search_ && search_->is_behind(); }
  static constexpr int64_t kSettles = 10;

  // What this process works on, in case it dies of it (in_hand.h). poison(): what others have died of too often.
  void take_in_hand(uint64_t message) { in_hand_.take(message); }
  void put_down() { in_hand_.put_down(); }
  std::vector<uint64_t> poison() const { return in_hand_.poison(); }
  void forget_poison(uint64_t message) { in_hand_.forget(message); }

  // What was noted and has not expired; nothing where it cannot be read.
  Result<std::optional<std::string>> note(std::string_view key, int64_t now);
  // Stages the removal of at most `max` notes after `after` that have expired; where to go on, empty at the end.
  Result<std::string> drop_notes(const std::string& after, int64_t now, size_t max);
  // Whether what ends is remembered from now on.
  void keep_history(bool on) { keep_history_ = on; }
  Result<const History*> history();
  // Forgets some of what is too old or too much. True: there is more to do.
  bool prune_history(int64_t cutoff, uint64_t most);
  // What waits by destination: so many rows of the index from `after` on, which becomes the last one looked at, or empty at the end.
  Result<std::vector<DestinationStat>> destinations(std::string& after, size_t rows, size_t most);

  // Too little while is_counting(); count_on() counts so many more.
  const Counts& counts() const { return counts_; }
  bool is_counting() const { return counting_; }
  Status count_on(uint64_t rows);
  // Grows when the spool had to open itself anew: what was removed but not yet durable may be there again.
  uint32_t generation() const { return generation_; }
  uint64_t set_aside() const { return set_aside_; }
  // How often its database was damaged, and made anew from what could be read.
  uint64_t salvages() const { return salvages_; }

 private:
  explicit Spool(SpoolOptions options) : options_(std::move(options)) {}
  static constexpr uint32_t kCheckpointBytes = 32 * 1024 * 1024;

  Status start(bool is_suspect);
  Status try_start(bool is_suspect);
  Status read_all() const;
  Status count(bool all);
  Status count_rows(uint64_t rows);
  bool is_counted(const std::string& due_key) const { return !counting_ || due_key <= counted_to_; }
  void shut();
  Status revive();
  Status room_for(uint64_t bytes) const;
  Status apply(const Change& change);
  Status write_message(db::Transaction& txn, const Change& change);
  Status renew_message(db::Transaction& txn, const Message& message);
  Status unindex_message(db::Transaction& txn, uint64_t id);
  Status put_note(db::Transaction& txn, const Note& note);
  Status put_envelope(db::Transaction& txn, const Envelope& envelope, Counts& delta);
  Status remove_envelope(db::Transaction& txn, const EnvelopeId& id, Counts& delta, std::vector<uint64_t>& files,
                         const Ended* ended = nullptr);
  Status remove_unnamed(db::Transaction& txn, uint64_t message, std::vector<uint64_t>& files);
  Status remove_message(db::Transaction& txn, uint64_t id, std::vector<uint64_t>& files);
  Status remember(db::Transaction& txn, const Envelope& envelope, const Ended& ended);
  Status erase_indexes(db::Transaction& txn, const Envelope& envelope, Counts& delta);
  Status disown();
  Status after_flush();
  Result<std::vector<Envelope>> collect(const db::Database& index, const std::string& start, const std::string& prefix,
                                        int64_t until, size_t max);
  Result<Part> look_up(const EnvelopeId& after, size_t rows, const Wanted& wanted);
  Status drop_row(db::Database& index, const std::string& key);
  Status put_aside(db::Database& table, const std::string& key, std::string_view why);

  SpoolOptions options_;
  os::RealIo real_io_;
  std::unique_ptr<db::Environment> environment_;
  std::optional<Tables> tables_;  // after environment_: gone before it
  std::optional<History> history_;
  std::optional<SearchIndex> search_;
  std::unique_ptr<LargeFiles> files_;
  InHand in_hand_;
  std::vector<Change> staged_;
  std::vector<uint64_t> disowned_;  // messages that were refused, but may be found by recovery
  std::vector<uint64_t> unlink_later_;
  Counts counts_;
  bool counting_ = false;
  std::string counted_to_;  // while counting: the last row of `due` that is in counts_
  uint64_t set_aside_ = 0;
  uint64_t salvages_ = 0;
  bool suspect_ = false;  // the engine gave up, and the database could not be looked through since
  uint32_t generation_ = 0;
  Micros revive_after_{0};
  std::optional<Error> why_down_;
  bool unsettled_ = false;
  bool keep_history_ = true;
  bool remembers_ = false;  // in this commit
};

}  // namespace mailkeep::queue
