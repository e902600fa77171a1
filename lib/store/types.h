// The words of the mail store: what a message, a mailbox and a change are to those who read them.
//
// Sequence numbers (Seq) count every record of the account's journal; a message's MODSEQ is the one of the last record
// that touched it (RFC 7162), its object id the one that brought its bytes (EMAILID of RFC 8474; a copy keeps it).
// Run by `user` and by tools on a store at rest.
// SPDX-License-Identifier: ISC
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/mime/summary.h"
#include "lib/store/rows.h"

namespace mailkeep::store {

// System flags, as bits. \Recent is no flag of a message here: see Mailbox::recent_from.
enum Flag : uint8_t { kSeen = 1, kAnswered = 2, kFlagged = 4, kDeleted = 8, kDraft = 16 };
constexpr uint8_t kAllFlags = 31;

// RFC 6154. One mailbox a role.
enum class Role : uint8_t { none, drafts, sent, junk, trash, archive };
constexpr uint8_t kLastRole = static_cast<uint8_t>(Role::archive);

// Both ends included, first <= last. A UidSet is ascending and disjoint; build one with normalize().
struct UidRange {
  Uid first = 0;
  Uid last = 0;
  bool operator==(const UidRange&) const = default;
};
using UidSet = std::vector<UidRange>;
void normalize(UidSet& set);               // sorts and joins; swaps the ends of reversed ranges
void add_ascending(UidSet& set, Uid uid);  // `uid` above all that is in the set
bool contains(const UidSet& set, Uid uid);
uint64_t count(const UidSet& set);

constexpr size_t kMaxKeywords = 64;  // a mailbox
constexpr size_t kMaxKeywordLength = 128;
constexpr size_t kMaxMailboxName = 480;  // bytes of UTF-8, whole path
constexpr size_t kMaxMailboxDepth = 32;
constexpr size_t kMaxMailboxes = 10000;
constexpr uint64_t kMaxMessage = 256U << 20;  // bytes of one message that the store takes

struct Mailbox {
  MailboxId id = 0;
  std::string name;  // UTF-8, '/' between levels; "INBOX" always in capitals
  Role role = Role::none;
  bool is_selectable = true;  // false: \Noselect, only there for its children
  uint32_t uidvalidity = 0;
  Uid uidnext = 1;
  Uid recent_from = 1;  // messages from this uid on were not yet claimed by a session (\Recent)
  Uid recent_told = 1;  // the same by Store::tell_recent(), which is not on the disk
  Seq highest_modseq = 0;
  uint32_t unseen = 0;                // running counts; the total is messages.size()
  uint32_t deleted = 0;               // with \Deleted
  uint64_t bytes = 0;                 // sum of sizes (STATUS SIZE, quota)
  std::vector<std::string> keywords;  // as first spelled; compared without ASCII case
  uint32_t keywords_version = 0;      // grows when `keywords` changes; not on the disk
  Rows messages;                      // ascending by uid
  Seq created = 0;

  Uid first_recent() const { return recent_from > recent_told ? recent_from : recent_told; }
  uint32_t recent() const;                               // count of \Recent
  const Message* find(Uid uid) const;                    // nullptr: not there
  size_t lower_bound(Uid uid) const;                     // index of the first message with that uid or a higher one
  std::optional<size_t> first_unseen() const;            // index
  uint64_t keyword_bit(std::string_view keyword) const;  // 0: not there
  std::vector<std::string> keyword_names(uint64_t bits) const;
  // The bits that new keywords may take: where all are taken, those that no message has.
  uint64_t spare_keyword_bits() const;
};

// What append() remembers of a delivery so that the same one is recognised after a crash.
struct DeliveryId {
  uint64_t message = 0;
  uint32_t recipient = 0;
  auto operator<=>(const DeliveryId&) const = default;
};

// One record's effect on one mailbox, told when it is durable.
struct Change {
  enum class Kind : uint8_t {
    added,     // uids are new (EXISTS, RECENT)
    flags,     // flags, keywords or MODSEQ of uids changed (FETCH)
    expunged,  // uids are gone (EXPUNGE, VANISHED)
    mailbox,   // created, renamed, made \Noselect, role or subscription changed; no uids
    deleted,   // the mailbox is gone, or is \Noselect now
  };
  Kind kind = Kind::added;
  Seq seq = 0;
  MailboxId mailbox = 0;
  UidSet uids;
};

// What is made once of every message, while it is in memory at its arrival, and kept in the header cache. FETCH
// ENVELOPE and its like, SORT, THREAD and header SEARCH are answered from it; the header itself is the message's first
// Summary::header_size bytes.
using Summary = mime::Summary;

}  // namespace mailkeep::store
