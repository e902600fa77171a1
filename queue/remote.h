// Mail to other hosts: which envelopes go to the relay process when, and what becomes of them.
//
//   on disk ──load()/add()──▶ waiting ──Transfer──▶ sent ──Transferred: delivered ─▶ removed, durably
//      ▲                         ▲                   ├─ temporary ─▶ on disk, tried again later
//      │                         └─ relay ended ─────┤
//      │                                             └─ permanent, or expired ─▶ failing ─▶ returned to its sender
//      └── its destination does not answer, or a limit of our own holds it: on disk, untouched, until a probe has come through, or then
//
// A destination is a domain and an action, or an action alone where that names its hosts. It has so many transfers at
// once as have done it good (RFC 5321 4.5.4.1 leaves that to us): few at first, more with every success, half as many
// when it puts everything off. One that cannot be reached at all is tried with one transfer after growing pauses; what
// else is for it costs no memory and no attempt. Memory is bounded as in local.h, and so is the number of destinations.
// DESIGN section 4. Process: queue. No event loop here: the owner calls and passes the time.
// SPDX-License-Identifier: ISC
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "queue/held.h"
#include "queue/schedule.h"
#include "queue/settlements.h"
#include "queue/spool.h"
#include "smtpd/relay/messages.h"

namespace mailkeep::queue {

// Why an envelope fails for good.
struct Cause {
  std::string status;     // enhanced code
  std::string text;       // "550 5.1.1 no such user", or our own words
  std::string remote;     // the host that said so; empty: we
  std::string tls = {};   // with it
  uint32_t uid = kNoUid;  // of the account's process, when it said so
};

class Remote {
 public:
  struct Calls {
    // Gives it to a relay process, by `key` to always the same of several; which one took it.
    std::function<std::optional<uint32_t>(uint64_t key, const relay::Transfer& transfer)> send;
    // For good; the envelope stays here, failing, until forget() or try_again().
    std::function<void(const Envelope& envelope, const Cause& cause)> failed;
    std::function<void(const Envelope& envelope)> delayed = [](const Envelope&) {
    };  // its sender wants to know that it waits
    // The next hop has it. `reports`: and tells the sender of the delivery.
    std::function<void(const Envelope& envelope, const Cause& answer, bool reports)> relayed =
        [](const Envelope&, const Cause&, bool) {};
  };
  static constexpr size_t kInMemory = 20000;  // envelopes
  static constexpr size_t kDestinations = 20000;
  static constexpr size_t kWaitingEach = 1000;  // of one destination
  static constexpr size_t kTransfers = 500;     // at once
  static constexpr size_t kContents = 256;      // memory files kept for envelopes that wait
  static constexpr double kFirstLimit = 4;      // transfers of one destination at once: to begin with,
  static constexpr double kMostLimit = 20;      // and at most
  static constexpr uint32_t kMaxEnds = 3;       // of the relay process with a message in hand, until it is quarantined

  Remote(Spool& spool, Calls calls)
      : spool_(spool), calls_(std::move(calls)), held_(spool, kContents), settlements_(spool, true) {}
  void set_policy(const RetryPolicy& policy) { policy_ = policy; }
  void set_relays(std::vector<RelayAction> relays);

  // An envelope that has just been committed. `content` may be -1; it is duplicated when it is kept. Then pump().
  void add(const Message& message, const Envelope& envelope, int content, int64_t now);
  // Hands over what may go now.
  void pump(int64_t now);
  // Brings what is due into memory: once a second while there is mail for other hosts. True: call again next turn.
  bool load(int64_t now);
  void relay_down(uint32_t instance, int64_t now);
  // False: that process has no such transfer.
  bool transferred(uint32_t instance, const relay::Transferred& result, int64_t now);

  void forget(const EnvelopeId& id);
  void try_again(const EnvelopeId& id, const std::string& text, int64_t now);

  // An operator's word; see local.h. retry_now(): the envelope's destination is tried at once, whatever it did.
  bool withdraw(const EnvelopeId& id);
  void fail_now(const Envelope& envelope, const Cause& cause);
  void retry_now(const Envelope& envelope);
  bool is_lmtp(const Envelope& envelope) const;
  bool has_action(const std::string& name) const { return !name.empty() && action_of(name) != nullptr; }
  // What has become of mail for each domain since this process began; of the first kTallies.
  struct Tally {
    uint64_t accepted = 0, deferred = 0, failed = 0;
    std::string last_reply;
  };
  static constexpr size_t kTallies = 5000;
  const std::map<std::string, Tally>& tallies() const { return tallies_; }
  // When a destination that does not answer is tried again; 0: it answers, as far as is known.
  int64_t paused_until(const std::string& domain) const;
  // Actions that name their hosts, none of which answers: as destinations, at most `most`.
  std::vector<DestinationStat> actions_down(size_t most) const;
  // What its destination suffers from; empty: nothing.
  std::string trouble_of(const Envelope& envelope) const;

  // Stages what was delivered or put off. After the commit: committed() with its results.
  void stage();
  void committed(const std::vector<Status>& results);
  bool has_changes() const { return !settlements_.empty(); }

  bool has(const EnvelopeId& id) const { return items_.contains(id); }
  std::string_view state_of(const EnvelopeId& id) const;
  size_t in_memory() const { return items_.size(); }
  size_t destinations() const { return destinations_.size(); }
  size_t in_transfer() const { return transfers_.size(); }
  uint64_t relayed() const { return relayed_; }
  uint64_t deferred() const { return deferred_; }

 private:
  enum class State : uint8_t { kWaiting, kSent, kFailing };
  // Where it goes; the domain is empty when the action names the hosts.
  struct Way {
    std::string action;
    std::string domain;
    auto operator<=>(const Way&) const = default;
  };
  struct Item {
    Envelope envelope;
    Way way;
    State state = State::kWaiting;
    bool holds = false;  // counts among the users of its message
    uint32_t ends = 0;
  };
  // The most urgent first (RFC 6710), of those the oldest.
  struct Order {
    int64_t haste = 0;  // the priority's negative
    uint64_t message = 0;
    auto operator<=>(const Order&) const = default;
  };
  static Order order_of(const Envelope& e) { return {-e.priority, e.id.message}; }
  struct Destination {
    std::map<Order, std::vector<EnvelopeId>> waiting;  // by message
    size_t count = 0;                                  // of waiting
    size_t active = 0;                                 // transfers
    double limit = kFirstLimit;
    bool growing = true;    // no failure yet: one more with every success
    uint32_t failures = 0;  // in a row to reach any host
    uint32_t epoch = 0;     // transfers of an earlier one do not count as another failure
    int64_t paused_until = 0;
    std::string last_error;
    bool behind = false;  // more of it is on disk
    DuePoint seen;        // while behind: how far its part of the index has been read
  };
  struct Sent {
    Way way;
    uint32_t instance = 0;
    uint32_t epoch = 0;
    std::vector<EnvelopeId> ids;
    bool suspect = false;
  };

  // remote.cc
  Way way_of(const Envelope& envelope) const;
  const RelayAction* action_of(const std::string& name) const;
  bool has_way(const Envelope& envelope) const;
  Destination* find_or_make(const Way& way);
  bool takes_more(const Destination& d, int64_t now) const;
  Item& enqueue(const Envelope& envelope, const Way& way, Destination& d);
  void take(const Envelope& envelope, int64_t now);
  void catch_up(const Way& way, Destination& d, int64_t now);
  void take_where(const Way& way, const std::vector<Envelope>& batch, int64_t now);
  bool sweep(int64_t now);
  int64_t sweep_pause() const;
  bool scan(int64_t now);
  void pump_one(const Way& way, Destination& d, int64_t now);
  bool send_first(const Way& way, Destination& d);
  std::vector<EnvelopeId> take_first(Destination& d);
  void split_by_sender(Destination& d, std::vector<EnvelopeId>& ids);
  void put_back(Destination& d, const std::vector<EnvelopeId>& ids);
  void release(Item& item) { held_.release(item.envelope.id.message, item.holds); }
  // remote_results.cc
  void hold(Item& item, const std::string& text, int64_t until);
  void judge(const Sent& sent, const relay::Transferred& result, int64_t now);
  void unreachable(const Way& way, Destination& d, const std::string& text, int64_t now);
  void unload(Destination& d);
  void settle(Item& item, const relay::Result& r, const relay::Transferred& result, int64_t now);
  void quarantine(Item& item);
  void warn(Envelope envelope, std::optional<Attempt> attempt);
  void count(const Envelope& envelope, How how, const std::string& reply);
  bool may_go(const Destination& d) const;
  void put_off(Item& item, const std::string& text, int64_t now, bool may_expire = true);
  void fail(Item& item, const Cause& cause);
  void expire(Item& item);

  Spool& spool_;
  Calls calls_;
  RetryPolicy policy_;
  std::vector<RelayAction> relays_;
  std::unordered_map<EnvelopeId, Item, EnvelopeIdHash> items_;
  HeldMessages held_;
  std::map<Way, Destination> destinations_;
  std::set<Way> ready_;  // may have something to hand over
  std::unordered_map<uint64_t, Sent> transfers_;
  uint64_t last_transfer_ = 0;
  size_t suspects_ = 0;  // transfers of messages that relay has ended with: one at a time, to know which it was
  DuePoint seen_;
  bool overflow_ = false;  // something on disk was passed over for want of room for its destination
  uint32_t generation_ = 0;
  DuePoint swept_;
  int64_t next_sweep_ = 0;
  Settlements settlements_;
  uint64_t relayed_ = 0;
  uint64_t deferred_ = 0;
  Attempt current_;  // how what is settled now went; `at` 0: it was not asked
  std::map<std::string, Tally> tallies_;
};

}  // namespace mailkeep::queue
