// AccountStore: Store over a journal, the state made from it, and the header cache. Its parts by file: store.cc commit
// and bytes, messages.cc and mailboxes.cc what changes, replay.cc the start, compact.cc checkpoints and compaction.
// SPDX-License-Identifier: ISC
#pragma once

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "lib/store/cache.h"
#include "lib/store/index.h"
#include "lib/store/journal.h"
#include "lib/store/meta.h"
#include "lib/store/state.h"
#include "lib/store/store.h"

namespace mailkeep::store {

class AccountStore : public Store {
 public:
  AccountStore(os::Io& io, int dir, Options options);
  ~AccountStore() override;
  Status start();

  Status flush() override;
  Status sync() override;
  Seq last_seq() const override { return state_->last_seq(); }
  Seq written_seq() const override { return written_seq_; }
  Seq durable_seq() const override { return durable_seq_; }
  bool is_broken() const override { return is_broken_; }
  Status begin_group() override;
  void end_group() override;
  Status abort_group() override;
  void add_observer(Observer* observer) override;
  void remove_observer(Observer* observer) override;

  std::vector<const Mailbox*> mailboxes() const override;
  const Mailbox* mailbox(MailboxId id) const override { return state_->box(id); }
  const Mailbox* find_mailbox(std::string_view name) const override;
  const Mailbox* find_role(Role role) const override;
  bool has_children(const Mailbox& mailbox) const override;
  std::vector<std::string> subscriptions() const override;
  bool is_subscribed(std::string_view name) const override;
  Status subscribe(std::string_view name, bool on) override;
  Result<MailboxId> create_mailbox(std::string_view name, Role role) override;
  Status delete_mailbox(std::string_view name) override;
  Status rename_mailbox(std::string_view from, std::string_view to) override;
  Result<Uid> claim_recent(MailboxId id) override;
  Uid tell_recent(MailboxId id, Uid last) override;

  Result<Appended> append(MailboxId id, const Append& what) override;
  bool is_known(DeliveryId id) const override { return state_->is_known(id); }
  Status remember_delivery(DeliveryId id) override;
  Result<Flagged> store_flags(MailboxId id, const UidSet& uids, const FlagChange& change) override;
  Result<UidSet> expunge(MailboxId id, const UidSet& uids) override;
  Result<Copied> copy(MailboxId id, const UidSet& uids, MailboxId to) override { return transfer(id, uids, to, false); }
  Result<Copied> move(MailboxId id, const UidSet& uids, MailboxId to) override { return transfer(id, uids, to, true); }
  std::optional<UidSet> expunged_since(MailboxId id, Seq since) const override;

  Result<size_t> read(const Message& message, uint64_t offset, std::span<char> into) override;
  Result<std::string> read_all(const Message& message) override;
  Result<Summary> summary(const Message& message) override;

  Status checkpoint() override;
  Status settle() override;
  Result<bool> compact_step() override;
  Result<bool> idle_step() override;
  Usage usage() const override;

 private:
  // Free bytes that a message must leave in the segment, so that flags and expunges still find room on a full disk.
  static constexpr uint64_t kSlack = 64 * 1024;

  // Puts a record and applies it.
  Status commit(RecordType type, std::string_view meta, std::string_view body = {}, uint64_t slack = 0);
  Status take_back(Error cause);  // all since the last flush; returns the cause
  void drop_dead_files();
  Status sync_names();
  void tell_observers();
  void tell_taken_back(const Error& cause);
  void report(const std::string& text) const;
  int64_t now() const;

  // messages.cc
  Result<State::Box*> selectable(MailboxId id);
  Result<Copied> transfer(MailboxId id, const UidSet& uids, MailboxId to, bool moves);

  // big.cc: messages that are files of their own.
  // Writes and syncs one; gives its checksum.
  Result<uint32_t> write_big(ObjectId object, std::string_view head, const Content& rest);
  void remove_big(ObjectId object);
  Result<Summary> summarize_big(ObjectId object, uint64_t size);

  // mailboxes.cc
  Status make_standard_mailboxes();
  Status make_parents(const std::string& name);
  Status make_mailbox(MailboxId id, const std::string& name, Role role, bool is_selectable);
  Status rename_inbox(const std::string& to);
  // Runs `work` in a group, in the caller's if there is one.
  template <class Work>
  Status grouped(Work work) {
    if (is_group_) return work();
    if (auto begun = begin_group(); !begun) return begun;
    if (auto worked = work(); !worked) {
      if (auto undone = abort_group(); !undone) return undone;
      return worked;
    }
    end_group();
    return {};
  }

  // replay.cc
  Status open_directories();
  Status open_big(bool create);
  Status load(bool is_start);
  Result<Index::Head> load_index();
  void keep_index_aside();
  void keep_aside(const std::string& name, std::string_view bytes, const char* what);
  Status remove_orphans();

  // compact.cc
  uint32_t pick_victim() const;
  Result<bool> relocate_some(uint32_t victim);
  Status put_snapshot();
  Status put_proof();
  bool is_checkpoint_due() const;
  void remove_leftovers();

  os::Io& io_;
  int dir_;
  Options options_;
  int journal_dir_ = -1;
  int big_dir_ = -1;           // -1: there is none yet
  bool is_big_named_ = false;  // its name is surely durable
  std::unique_ptr<State> state_;
  std::unique_ptr<Journal> journal_;
  std::unique_ptr<HeaderCache> cache_;
  std::vector<Change> pending_;  // not durable yet
  std::vector<Observer*> observers_;
  std::set<uint32_t> unmovable_;  // segments with a damaged message in them
  Seq written_seq_ = 0;
  Seq durable_seq_ = 0;
  Seq proven_seq_ = 0;               // the journal or the checkpoint says that all up to here is durable
  uint64_t since_checkpoint_ = 0;    // bytes of journal
  uint64_t index_bytes_ = 0;         // size of the last checkpoint; 0: there is none
  bool has_unsynced_names_ = false;  // of the account's directory and what is in it
  bool has_looked_for_leftovers_ = false;
  bool is_group_ = false;
  bool has_told_cache_ = false;
  bool is_broken_ = false;
};

}  // namespace mailkeep::store
