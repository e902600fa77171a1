// State: all that the journal says, in memory. apply() is the only way anything in it changes, both live and at replay,
// so that what a restart finds is what was there.
//
// A record that names a mailbox or message that is not there (its own record was damaged) changes nothing more than it
// can.
// SPDX-License-Identifier: ISC
#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "lib/os/io.h"
#include "lib/store/bodies.h"
#include "lib/store/deliveries.h"
#include "lib/store/record.h"
#include "lib/store/types.h"

namespace mailkeep::store {

// Where a record's body was put.
struct Place {
  uint32_t segment = 0;
  uint64_t offset = 0;
};

struct Expunged {
  Seq seq = 0;
  UidRange uids;
};

class State {
 public:
  // A mailbox with what only the store needs of it.
  struct Box : Mailbox {
    std::vector<Expunged> expunged;  // ascending by seq, the newest kMaxExpunged
    Seq expunged_floor = 0;          // expunges up to here are no longer known
  };

  // False: the record makes no sense at all. Appends to `changes` what sessions must hear.
  bool apply(const Record& record, Place place, std::vector<Change>& changes);

  // While replaying, bytes that no row shows are kept: a later record may show them again.
  void begin_replay() { is_replaying_ = true; }
  void end_replay();
  // After damage that hid who knows what: no uid that it may have given out comes again.
  void skip_uids(Uid distance);
  // A message whose bytes are lost: its uid is used up all the same.
  void skip_lost(const Record& record);

  // The records that say all this but where the bodies are, for compaction; each goes to `put` as type and meta.
  // Deliveries older than `forget_before` are left out.
  template <class Put>
  void snapshot(int64_t forget_before, Put put) const {
    put(RecordType::account, encode_account());
    for (const auto& [id, box] : boxes_) put(RecordType::mailbox, encode_box(*box));
    put(RecordType::deliveries, encode_deliveries(forget_before));
  }

  Box* box(MailboxId id);
  const Box* box(MailboxId id) const;
  const Box* find_box(const std::string& name) const;
  const std::map<MailboxId, std::unique_ptr<Box>>& boxes() const { return boxes_; }
  const std::map<std::string, MailboxId>& names() const { return names_; }
  const std::set<std::string>& subscriptions() const { return subscriptions_; }
  bool is_known(DeliveryId id) const { return deliveries_.contains(id); }
  Body* body(ObjectId id) { return bodies_.find(id); }
  Bodies& bodies() { return bodies_; }
  const Deliveries& deliveries() const { return deliveries_; }

  // For the index (index.h): all but the rows, the bodies and the deliveries, as one text; and back into an empty
  // state.
  std::string encode_heads() const;
  bool decode_heads(std::string_view text, std::span<Message> rows);
  // The index says what this says: it is the base from now on. Rows are those of all mailboxes in order of their ids.
  void adopt(os::Mapping mapping, std::span<Message> rows, std::span<Body> bodies,
             std::span<const Delivery> deliveries);

  // Where a body's summary is in the header cache; at 0: nowhere.
  void set_cached(Body& body, uint64_t at, uint32_t size);
  void forget_cached();
  uint64_t cached_bytes() const { return cached_bytes_; }
  void set_cached_bytes(uint64_t bytes) { cached_bytes_ = bytes; }

  Seq last_seq() const { return last_seq_; }
  void set_last_seq(Seq seq) { last_seq_ = std::max(last_seq_, seq); }
  MailboxId next_mailbox_id() const { return next_mailbox_id_; }
  uint32_t last_uidvalidity() const { return last_uidvalidity_; }
  // Bytes of bodies that rows show, by segment.
  const std::map<uint32_t, uint64_t>& live_bytes() const { return live_bytes_; }
  // Big files whose last row went away since the last call.
  std::vector<ObjectId> take_dead_big() { return std::move(dead_big_); }
  uint32_t rows_without_bytes() const { return rows_without_bytes_; }
  // Mailboxes whose making was lost, made anew for what came into them.
  uint32_t remade_boxes() const { return remade_boxes_; }

  // The bits of keywords in a mailbox. What is not there is made; a full mailbox gives it the place of a keyword that
  // no message has, and leaves it out where there is none.
  static uint64_t make_keywords(Mailbox& box, const std::vector<std::string>& names);

 private:
  static constexpr size_t kMaxExpunged = 8192;

  bool apply_message(const Record& record, Place place, std::vector<Change>& changes);
  bool apply_flags(const Record& record, std::vector<Change>& changes);
  bool apply_expunge(const Record& record, std::vector<Change>& changes);
  bool apply_copy(const Record& record, bool moves, std::vector<Change>& changes);
  bool apply_create(const Record& record, std::vector<Change>& changes);
  bool apply_delete(const Record& record, std::vector<Change>& changes);
  bool apply_rename(const Record& record, std::vector<Change>& changes);
  bool apply_body(const Record& record, Place place);
  bool apply_account(std::string_view meta);
  bool apply_box(std::string_view meta);
  bool apply_deliveries(std::string_view meta);

  std::string encode_account() const;
  static std::string encode_box(const Box& box);
  std::string encode_deliveries(int64_t forget_before) const;

  Box* box_to_fill(MailboxId id, Seq seq);
  bool acquire(ObjectId object);
  void release(ObjectId object);
  void add_row(Box& box, const Message& message);
  void remove_rows(Box& box, const UidSet& uids, Seq seq, std::vector<Change>& changes);
  void remove_box(MailboxId id);
  static void count_row(Box& box, const Message& message, bool in);
  void note_expunged(Box& box, Seq seq, const UidSet& uids);

  os::Mapping mapping_;  // what the bases of the rows, bodies and deliveries are in
  std::map<MailboxId, std::unique_ptr<Box>> boxes_;
  std::map<std::string, MailboxId> names_;
  std::set<std::string> subscriptions_;
  Deliveries deliveries_;
  Bodies bodies_;
  std::vector<ObjectId> unshown_;  // while replaying
  std::map<uint32_t, uint64_t> live_bytes_;
  uint64_t cached_bytes_ = 0;
  std::vector<ObjectId> dead_big_;
  Seq last_seq_ = 0;
  MailboxId next_mailbox_id_ = 1;
  uint32_t last_uidvalidity_ = 0;
  uint32_t rows_without_bytes_ = 0;
  uint32_t remade_boxes_ = 0;
  bool is_replaying_ = false;
};

}  // namespace mailkeep::store
