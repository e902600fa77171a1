// Delivery to the accounts of this machine: which envelope goes to which `user` process when, and when it is done.
//
//   on disk ──load()/add()──▶ waiting ──Deliver──▶ handed ──Stored──▶ stored ──Durable──▶ removed
//                               ▲  ▲                 │ │               │
//                               │  └── user ended ───┴─│───────────────┘
//                               │                      ├─ Rejected, temporary ─▶ on disk, tried again later
//                               └─ unknown account     └─ Rejected, permanent, or expired ─▶ failing ─▶ returned to its sender
//
// An envelope stays in the spool until its store is durable; after a crash of either side it is handed over again and
// `user` recognises its id. Memory is bounded: so many envelopes in all and for an account; the rest wait on disk. What
// is not in memory is found by its next try; an account whose share is full is marked `behind` and caught up from its
// own part of the index. Only seconds that are over are scanned, so nothing can appear behind the scan. DESIGN section
// 4. Process: queue. No event loop here: the owner calls and passes the time.
// SPDX-License-Identifier: ISC
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "lib/base/clock.h"
#include "lmtpd/user/messages.h"
#include "queue/held.h"
#include "queue/schedule.h"
#include "queue/settlements.h"
#include "queue/spool.h"

namespace mailkeep::queue {

class Local {
 public:
  struct Calls {
    std::function<void(const std::string& account)> need_user;
    std::function<bool(uint32_t user, const user::Deliver& deliver)> deliver;  // false: no such process now
    // For good; the envelope stays here, failing, until forget() or try_again().
    std::function<void(const Envelope& envelope, const std::string& status, const std::string& text, uint32_t uid)>
        failed;
    std::function<void(const Envelope& envelope)> reroute;  // it has no account yet; answered as for `failed`
    std::function<void(const Envelope& envelope)> delayed = [](const Envelope&) {
    };  // its sender wants to know that it waits
    std::function<void(const Envelope& envelope)> stored = [](const Envelope&) {};  // durably, in its mailbox
  };
  static constexpr size_t kInMemory = 20000;    // envelopes
  static constexpr size_t kWaitingEach = 1000;  // of one account
  static constexpr size_t kHandedEach = 64;
  static constexpr size_t kStoredEach = 5000;
  static constexpr uint32_t kMaxEnds = 3;   // of its process with that message alone in hand, until it is quarantined
  static constexpr size_t kContents = 256;  // memory files kept for envelopes that wait; others come from the database

  Local(Spool& spool, Calls calls)
      : spool_(spool), calls_(std::move(calls)), held_(spool, kContents), settlements_(spool, false) {}
  void set_policy(const RetryPolicy& policy) { policy_ = policy; }

  // An envelope that has just been committed. `content` may be -1; it is duplicated when it is kept.
  void add(const Message& message, const Envelope& envelope, int content);
  // Brings what is due into memory and resumes accounts that paused: once a second while there is local mail.
  // True: call again in the next turn.
  bool load(int64_t now);
  void user_up(uint32_t user, const std::string& account);
  void user_down(uint32_t user);
  void user_failed(const std::string& account, bool permanent, const std::string& text, int64_t now);
  // False: that process has no such envelope in hand.
  bool stored(uint32_t user, const Stored& stored);
  // It has the message no more: the owner sees to it, and calls try_again() or forget(). None: as for stored().
  std::optional<Envelope> forwarded(uint32_t user, const EnvelopeId& id);
  bool rejected(uint32_t user, const Rejected& rejected, int64_t now);
  // True: the envelope is here, for another account than that process is of.
  bool is_of_another(uint32_t user, const EnvelopeId& id) const;
  void durable(uint32_t user, uint64_t sequence);

  // A failing envelope is gone from the spool, or is to be tried again later.
  void forget(const EnvelopeId& id);
  void try_again(const EnvelopeId& id, const std::string& text, int64_t now);

  // An operator's word. withdraw(): it waits on disk alone, and is as it is there when it comes back; false: it is in
  // hand, and nothing may be done about it now.
  bool withdraw(const EnvelopeId& id);
  void fail_now(const Envelope& envelope, const std::string& status, const std::string& text);
  void retry_now(const std::string& account);

  // Stages what has become durable or was put off. After the commit: committed() with its results.
  void stage();
  void committed(const std::vector<Status>& results);
  // For tests: as if the parent had last been asked, and had answered, at that time.
  void shift_clock(Micros when);
  bool has_changes() const { return !settlements_.empty(); }

  std::string_view state_of(const EnvelopeId& id) const;  // waiting, delivering, stored, failing
  size_t in_memory() const { return items_.size(); }
  uint64_t delivered() const { return delivered_; }
  uint64_t deferred() const { return deferred_; }

 private:
  enum class State : uint8_t { kWaiting, kHanded, kStored, kFailing };
  struct Item {
    Envelope envelope;
    State state = State::kWaiting;
    bool holds = false;  // counts among the users of its message
    bool suspect =
        false;  // was in hand when its process ended: goes alone, so that the next time it is known which it was
    uint32_t ends = 0;  // of its process while it had this alone in hand
  };
  struct Account {
    std::optional<uint32_t> user;
    Micros asked{0};  // when; 0: not
    bool behind = false;
    DuePoint seen;  // while behind: how far its part of the index has been read
    std::deque<EnvelopeId> waiting;
    size_t handed = 0;
    std::multimap<uint64_t, EnvelopeId> stored;
    bool suspect_in_hand = false;
    uint32_t uid = kNoUid;  // of its process, as that says
    uint32_t ends = 0;      // of its process with mail in hand, since the last success
    Micros paused_until{0};
  };

  void take(const Envelope& envelope, int64_t now);
  void pump(const std::string& name, Account& account);
  bool hand_over(Account& account, Item& item);
  void release(Item& item) { held_.release(item.envelope.id.message, item.holds); }
  void catch_up(const std::string& name, Account& account, int64_t now);
  void quarantine(Item& item);
  // `uid`: of the account's process, when it said so.
  void put_off(Item& item, const std::string& text, int64_t now, uint32_t uid = kNoUid);
  void fail(Item& item, const std::string& status, const std::string& text, uint32_t uid = kNoUid);
  Item* item_of(uint32_t user, const EnvelopeId& id, Account*& account);

  Spool& spool_;
  Calls calls_;
  RetryPolicy policy_;
  std::unordered_map<EnvelopeId, Item, EnvelopeIdHash> items_;
  HeldMessages held_;
  std::map<std::string, Account> accounts_;
  std::unordered_map<uint32_t, std::string> users_;
  Micros answered_{0};  // when the parent last gave, or refused, anyone a process
  DuePoint seen_;
  uint32_t generation_ = 0;
  Settlements settlements_;
  uint64_t delivered_ = 0;
  uint64_t deferred_ = 0;
};

}  // namespace mailkeep::queue
