// What became of envelopes, and what was refused: kept for a time and up to a number, so that an operator can be told a
// message's whole way. An end is written in the transaction that ends the envelope, so it costs no sync of its own and
// is there exactly when the envelope is gone.
//
//   table attempt   envelope id, number of it → PastAttempt   of envelopes that wait
//   table history   number                    → Life          in the order of their ends, with all attempts
//   table refused   number                    → Refusal       in the order of their refusals
//
// Numbers grow by one, so that what is first and what is last says how many there are, and each table is written at its
// end and pruned at its beginning. A record that cannot be read is passed over; when the database is made anew
// (salvage.h) those that can be are in the new one.
// Process: queue. Records are of envelope.h's frame.
// SPDX-License-Identifier: ISC
#pragma once

#include "lib/db/db.h"
#include "queue/envelope.h"

namespace mailkeep::queue {

// Without what happened to it.
Life life_of(const Envelope& envelope, const Message& message);

class History {
 public:
  static Result<History> open(db::Environment& environment);

  // Of one transaction: begin(), then these, then keep() when it has been committed.
  void begin() { finished_.pending = refused_.pending = 0; }
  Status attempted(db::Transaction& txn, const EnvelopeId& id, const Attempt& attempt);
  // Its attempts move from their table to its life. `life` is nothing when nothing is to be remembered.
  Status ended(db::Transaction& txn, const EnvelopeId& id, std::optional<Life> life);
  Status refused(db::Transaction& txn, Refusal refusal);
  void keep();

  std::vector<Attempt> attempts(const EnvelopeId& id) const;
  // At most `max` in order of their numbers, from `from` on, which becomes the number after the last one looked at. Of
  // what cannot be read nothing is said, nor of what ended before `cutoff`. None at all: the end, when `from` has not
  // grown.
  Result<std::vector<Life>> lives(uint64_t& from, size_t max, int64_t cutoff) const;
  Result<std::vector<Refusal>> refusals(uint64_t& from, size_t max, int64_t cutoff) const;
  // The number of the first life that may have ended at that time or later.
  Result<uint64_t> first_since(int64_t time) const;

  // Removes some of what is older than `cutoff`, and of the oldest what is more than `most`. True: there is more to
  // remove.
  Result<bool> prune(db::Environment& environment, int64_t cutoff, uint64_t most);
  uint64_t finished() const { return finished_.next - finished_.first; }
  uint64_t refused() const { return refused_.next - refused_.first; }
  bool is_empty() const { return finished() == 0 && refused() == 0; }

  // For salvage and its like.
  db::Database& table_of(Record record) {
    return record == Record::kAttempt ? attempts_ : record == Record::kLife ? finished_.table : refused_.table;
  }
  std::vector<const db::Database*> tables() const { return {&attempts_, &finished_.table, &refused_.table}; }
  static constexpr const char* kAttempts = "attempt";
  static constexpr const char* kFinished = "history";
  static constexpr const char* kRefused = "refused";

 private:
  struct Ring {
    db::Database table;
    uint64_t first = 1;  // no less than this is there,
    uint64_t next = 1;   // nor this and more
    uint64_t pending = 0;
  };
  Status look_for_attempts();
  static Result<Ring> open_ring(db::Environment& environment, const char* name);
  template <class T, class Decode>
  static Result<std::vector<T>> list(const Ring& ring, uint64_t& from, size_t max, int64_t cutoff, Decode decode);
  template <class Decode>
  static Result<bool> prune(db::Environment& environment, Ring& ring, int64_t cutoff, uint64_t most, Decode decode);

  History(db::Database attempts, Ring finished, Ring refused)
      : attempts_(std::move(attempts)), finished_(std::move(finished)), refused_(std::move(refused)) {}
  db::Database attempts_;
  Ring finished_, refused_;
  bool maybe_attempts_ = true;  // that table may have some: else no end looks there
};

}  // namespace mailkeep::queue
