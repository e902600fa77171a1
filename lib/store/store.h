// Store: one account's mail. The journal is the mailbox; index, checkpoint and header cache are made from it.
// DESIGN section 5; the journal's form stands in record.h, what replay does in state.h.
//
//   <dir>/journal/000001 …   append-only segments          <dir>/big/<object>   messages over 1 MiB
//   <dir>/checkpoint         index.h: all up to a place    <dir>/aside/…        damaged bytes, kept
//   <dir>/cache              header cache, rebuildable
//
// One process opens a store, one thread, blocking file calls. Calls that change something take effect in memory at once
// and put a record in a buffer:
//   flush()  one pwritev of all that was buffered: "stored", survives the death of the process
//   sync()   flush(), then one fdatasync: "durable", survives a power cut; then tells the observers
// The rule for whoever talks to a client: nothing made from the store's present state leaves before durable_seq() has
// reached what last_seq() was when it was made. One sync() at the end of a turn of the event loop does that for all.
//
// Errors carry errno in Error::code: ENOENT no such mailbox or message, EEXIST the name is taken, EINVAL a bad name,
// flag or keyword, EPERM not allowed for this mailbox (INBOX, \Noselect), EMFILE a limit was reached (mailboxes,
// keywords), EFBIG message too large, ENOSPC and EDQUOT disk full (nothing changed; try again later), EIO otherwise.
// When flush() fails, all since the last flush() is taken back, in memory too (observers never saw it, and are told so:
// it may be another's call that flushed, such as begin_group()). When the disk fails a sync, the store is_broken() for
// good: every change fails; end the process, the next one replays what is there.
// SPDX-License-Identifier: ISC
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/result.h"
#include "lib/os/io.h"
#include "lib/store/types.h"

namespace mailkeep::store {

// Told of what became durable, in order, once a sync(). Must not change the store from inside the call.
class Observer {
 public:
  virtual ~Observer() = default;
  virtual void on_durable(Seq durable, std::span<const Change> changes) = 0;
  // A write failed: what was made after `last` is gone, and never was. Whoever waits for it must be told so.
  virtual void on_taken_back(Seq /*last*/, const Error& /*cause*/) {}
};

struct Options {
  // Makes the header cache's record of a message.
  std::function<Summary(std::string_view message)> summarize = mime::summarize;
  // Told of damage and repair: one line of text, for the log.
  std::function<void(const std::string&)> report;
  // Seconds since 1970; the system's if empty.
  std::function<int64_t()> clock;
  // Makes the name of the account's own directory durable. Called before anything in a store that may be new is called
  // durable; let go of (with what it holds) as soon as it is not needed any more.
  std::function<Status()> sync_name = {};
  bool create = true;                 // make an empty store, with its standard mailboxes, where there is none
  uint64_t segment_size = 64U << 20;  // a new journal segment begins after this many bytes
  uint64_t preallocate =
      1U << 20;  // the segment grows by this much ahead of the records; by an eighth while it is small
  uint64_t checkpoint_every = 16U << 20;   // journal bytes between checkpoints that idle_step() makes
  uint64_t checkpoint_at_end = 64U << 10;  // journal bytes that are worth one when the process ends
  uint64_t small_cache = 256U << 10;       // bytes up to which the header cache is never compacted
  uint64_t big_message = 1U << 20;         // from this size on a message is a file of its own
};

// Bytes that lie elsewhere, read a piece at a time: a message need not be in memory as a whole.
struct Content {
  uint64_t size = 0;
  // Fills all of `into` from `offset`, or fails. Asked only for what is inside `size`.
  std::function<Status(uint64_t offset, std::span<char> into)> read;
};

struct Append {
  std::string_view message;  // its bytes, CRLF
  Content rest = {};         // what follows them
  uint8_t flags = 0;
  std::span<const std::string> keywords = {};
  int64_t internal_date = 0;                // 0: now
  std::optional<DeliveryId> delivery = {};  // if known already, nothing is stored
};
struct Appended {
  bool is_known = false;  // the delivery was stored before; seq is then last_seq(), uid what it got (0: not kept)
  Uid uid = 0;
  uint32_t uidvalidity = 0;
  Seq seq = 0;
};

enum class FlagOp : uint8_t { add, remove, replace };  // +FLAGS, -FLAGS, FLAGS
struct FlagChange {
  FlagOp op = FlagOp::replace;
  uint8_t flags = 0;
  std::span<const std::string> keywords = {};
  std::optional<Seq> unchanged_since = {};  // RFC 7162: messages with a higher MODSEQ are left alone
};
struct Flagged {
  Seq seq = 0;  // 0: no message was touched
  UidSet
      changed;  // touched: exist and passed unchanged_since. Those that already had it keep their MODSEQ, not in here
  UidSet modified;  // failed unchanged_since
};

struct Copied {
  Seq seq = 0;               // 0: nothing was there to copy
  uint32_t uidvalidity = 0;  // of the destination
  UidSet from;               // COPYUID: the i-th uid of `from` became the i-th of `to`
  UidSet to;
};

struct Usage {
  uint64_t messages = 0, bytes = 0;            // rows in all mailboxes, and their sizes
  uint64_t journal_bytes = 0, dead_bytes = 0;  // segments' size, and how much of it no mailbox needs
};

class Store {
 public:
  // `dir` is the account's directory, open; the caller keeps it open as long as the store. Makes what is missing.
  static Result<std::unique_ptr<Store>> open(os::Io& io, int dir, Options options);
  virtual ~Store() = default;

  // --- commit ---
  virtual Status flush() = 0;
  virtual Status sync() = 0;
  virtual Seq last_seq() const = 0;     // of the newest change, buffered or not
  virtual Seq written_seq() const = 0;  // flushed
  virtual Seq durable_seq() const = 0;  // synced
  virtual bool is_broken() const = 0;
  // Records between these are applied all or none after a crash (a delivery into two mailboxes). They do not nest;
  // begin_group() flushes what came before, flush() and sync() inside do nothing. abort_group() takes the group back.
  virtual Status begin_group() = 0;
  virtual void end_group() = 0;
  virtual Status abort_group() = 0;
  virtual void add_observer(Observer* observer) = 0;  // not owned; told of syncs from now on
  virtual void remove_observer(Observer* observer) = 0;

  // --- mailboxes; the pointers are good until the next call that changes something ---
  virtual std::vector<const Mailbox*> mailboxes() const = 0;             // sorted by name, INBOX first
  virtual const Mailbox* mailbox(MailboxId id) const = 0;                // nullptr: not there
  virtual const Mailbox* find_mailbox(std::string_view name) const = 0;  // INBOX in any case
  virtual const Mailbox* find_role(Role role) const = 0;
  virtual bool has_children(const Mailbox& mailbox) const = 0;
  // Subscribed names, sorted; a name need not exist.
  virtual std::vector<std::string> subscriptions() const = 0;
  virtual bool is_subscribed(std::string_view name) const = 0;
  virtual Status subscribe(std::string_view name, bool on) = 0;
  // Missing parents are made as \Noselect names. A \Noselect name can be created: it becomes selectable.
  virtual Result<MailboxId> create_mailbox(std::string_view name, Role role = Role::none) = 0;
  // With children: becomes \Noselect and loses its messages. A \Noselect name with children, or INBOX: EPERM.
  virtual Status delete_mailbox(std::string_view name) = 0;
  // Children follow. INBOX: its messages move to a new mailbox, it stays, empty, with its children.
  virtual Status rename_mailbox(std::string_view from, std::string_view to) = 0;
  // Takes the unclaimed \Recent messages for one session: they are those from the returned uid on, up to uidnext.
  virtual Result<Uid> claim_recent(MailboxId id) = 0;
  // The same for those up to `last`, which a session is being told of: nothing is written and nobody else gets them
  // while this process lives. claim_recent() is to follow.
  virtual Uid tell_recent(MailboxId id, Uid last) = 0;

  // --- messages ---
  virtual Result<Appended> append(MailboxId id, const Append& what) = 0;
  virtual bool is_known(DeliveryId id) const = 0;
  // A delivery that kept nothing (discarded, redirected): recognised all the same.
  virtual Status remember_delivery(DeliveryId id) = 0;
  // Uids that do not exist are passed over.
  virtual Result<Flagged> store_flags(MailboxId id, const UidSet& uids, const FlagChange& change) = 0;
  // Removes these messages whatever their flags. Gives the uids that were there.
  virtual Result<UidSet> expunge(MailboxId id, const UidSet& uids) = 0;
  virtual Result<Copied> copy(MailboxId id, const UidSet& uids, MailboxId to) = 0;
  virtual Result<Copied> move(MailboxId id, const UidSet& uids, MailboxId to) = 0;  // one record

  // Uids expunged after `since`, for QRESYNC. Nothing: the store no longer knows that far back.
  virtual std::optional<UidSet> expunged_since(MailboxId id, Seq since) const = 0;

  // --- bytes ---
  // Fills `into` from `offset`; fewer bytes only at the end. Flushes first if the message is still in the buffer.
  virtual Result<size_t> read(const Message& message, uint64_t offset, std::span<char> into) = 0;
  // All of it, its checksum verified (EIO if damaged).
  virtual Result<std::string> read_all(const Message& message) = 0;
  // From the header cache; made again from the message where it is missing.
  virtual Result<Summary> summary(const Message& message) = 0;

  // --- upkeep, outside the path of mail; pointers to messages (not to mailboxes) are no longer good afterwards ---
  // Writes a checkpoint (syncs first).
  virtual Status checkpoint() = 0;
  // Before the process ends: syncs, and sees to it that the next start has little to do.
  virtual Status settle() = 0;
  // One bounded piece of compaction. True: there is more to do.
  virtual Result<bool> compact_step() = 0;
  // A checkpoint if it is due, else a piece of compaction, of the header cache or of the journal; when all is done, a
  // word in the journal that its last records are durable. True: call again soon.
  virtual Result<bool> idle_step() = 0;
  virtual Usage usage() const = 0;
};

}  // namespace mailkeep::store
