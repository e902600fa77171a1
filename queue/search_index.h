// Finds what waits by whom it is from and for whom, without looking through all of it.
//
//   table search   kind, text, 0, message id             → nothing; a message with all its envelopes
//                  kind, text, 0, message id, number     → nothing; an envelope
//                  kBorder                               → the message id up to which all is in here
//
//   kind, of a message    sender, its domain, the account that submitted it
//         of an envelope  the recipient's domain (as routed, and as given), the account whose mailbox it is for
//   text  in lower case: addresses are compared without regard to case
//
// Most mail is delivered at once, and nobody looks for it: it shall not pay for this. So messages come in here when
// they have waited for a while, in order of their ids, many in one transaction that moves the border too. Of a message
// at or below the border the rows are written and removed in the transactions of its records; of one above it there are
// none, and what is above the border is looked through. As ids begin with the time, that is what came of late.
// DESIGN section 4. Process: queue.
// SPDX-License-Identifier: ISC
#pragma once

#include <string>
#include <vector>

#include "lib/db/db.h"
#include "queue/envelope.h"
#include "queue/tables.h"

namespace mailkeep::queue {

enum class Found : char { kSender = 's', kSenderDomain = 'd', kRecipientDomain = 'r', kAccount = 'a' };
// What the keys of all such rows begin with.
std::string search_prefix(Found kind, std::string_view text);

// What a row leads to. Without a number: all envelopes of the message.
struct SearchRow {
  uint64_t message = 0;
  std::optional<uint32_t> number;
};
// None: the key does not begin so, or is no row.
std::optional<SearchRow> parse_search_key(std::string_view key, std::string_view prefix);

class SearchIndex {
 public:
  static Result<SearchIndex> open(db::Environment& environment);

  uint64_t border() const { return border_; }  // 0: nothing has been taken up yet
  bool covers(uint64_t message) const { return message <= border_; }
  // In the transactions that change the records. Of what is not covered they do nothing.
  Status put(db::Transaction& txn, const Message& message);
  Status erase(db::Transaction& txn, const Message& message);
  Status put(db::Transaction& txn, const Envelope& envelope);
  Status erase(db::Transaction& txn, const Envelope& envelope);
  Status replace(db::Transaction& txn, const Envelope& before, const Envelope& after);

  // Takes up the next messages whose id is at most `until`. is_behind() afterwards: there are more of any id.
  // True: more of those.
  Result<bool> extend(db::Environment& environment, const Tables& tables, uint64_t until, size_t messages);
  bool is_behind() const { return behind_; }

  db::Database& table() { return table_; }
  const db::Database& table() const { return table_; }

 private:
  explicit SearchIndex(db::Database table) : table_(std::move(table)) {}
  db::Database table_;
  uint64_t border_ = 0;
  bool behind_ = true;  // above the border there may be something
};

}  // namespace mailkeep::queue
