// The queue process: takes messages in, keeps them in the spool, has them delivered, returns what fails.
//
//   Enqueue ─▶ Route to lookup ─▶ Routed ─▶ staged ─┐
//   failures ─▶ Route of the sender ─▶ Routed ──────┤  one commit at the end of the turn, then all answers:
//   durable, relayed, put off ──────────────────────┘  Enqueued to smtpd and lmtpd, Deliver to user, Transfer to relay
//
// DESIGN sections 3 and 4. Runs as mailkeep-queue in the spool directory. Trusts auth about who submits, and smtpd only
// as far as its tickets go; a memory file only when it is sealed; a `user` process only about its own account's
// envelopes.
// SPDX-License-Identifier: ISC
#pragma once

#include <map>
#include <unordered_map>

#include "lib/event/loop.h"
#include "lib/worker/worker.h"
#include "queue/bounce.h"
#include "queue/local.h"
#include "queue/messages.h"
#include "queue/remote.h"
#include "queue/spool.h"
#include "queue/tickets.h"

namespace mailkeep::queue {

class Queue final : public worker::Hooks {
 public:
  Queue(event::Loop& loop, std::unique_ptr<Spool> spool);
  static imsg::Routes<Queue> routes();
  void set_peers(worker::Peers* peers) { peers_ = peers; }

  Status on_prepare(uint32_t generation) override;
  void on_commit(uint32_t generation) override;
  void on_abort(uint32_t generation) override;
  void on_peer_up(imsg::PeerId peer, const std::string& account) override;
  void on_peer_down(imsg::PeerId peer) override;
  void on_quit() override;
  std::vector<worker::Stat> stats() override;

 private:
  // A message that waits for its routes; then for the commit of this turn.
  struct Incoming {
    imsg::PeerId peer;
    Enqueue enqueue;
    std::string body;        // when small
    bool owns_file = false;  // when large
    uint64_t weight() const { return body.size() + enqueue.recipients.size() * (kMaxAddress + kMaxOrcpt); }
  };
  // What is to be told of one message, and which of its envelopes end with that.
  struct Report {
    std::vector<Ended> ended;
    std::vector<Notice> notices;
  };
  struct Accepted {
    size_t place;
    imsg::PeerId peer;
    uint64_t session;
    Message message;
    std::vector<Envelope> envelopes;
    Fd content;
    std::vector<Notice> expanded;  // told when the message is kept
  };
  struct Replaced {  // failing envelopes that give way to a bounce, to better addressed ones, or to nothing
    size_t place;
    std::vector<EnvelopeId> ids;
    Message message;
    std::vector<Envelope> envelopes;
  };

  // What lookup is asked about the addresses of a .forward.
  struct Forwarding {
    Envelope envelope;  // with the account among those it has passed
    std::vector<std::string> addresses;
    bool keep;
  };

  // What control asked for, and what has come of it in this turn.
  struct Select {
    imsg::PeerId peer;
    Micros since{0};
    SelectQueue ask;
    QueueSelected answer;
    size_t bytes = 0;  // of the answer's items
    size_t done = 0;
    std::optional<size_t> place;  // of what it changes
    std::vector<EnvelopeId> changed;
    std::optional<Message> message;  // the last one looked at
  };

  // intake.cc
  void on_need_file(imsg::PeerId peer, NeedSpoolFile&& need);
  void on_drop_file(imsg::PeerId peer, DropSpoolFile&& drop);
  void on_vouch(imsg::PeerId peer, Vouch&& vouch);
  std::optional<Submitter> submitter(const Incoming& in) const;
  void on_enqueue(imsg::PeerId peer, Enqueue&& enqueue);
  void on_routed(imsg::PeerId peer, Routed&& routed);
  void take_in(Incoming incoming, const Routed& routed);
  void discard(const Incoming& incoming);
  void answer(const Accepted& accepted, const Status& status);
  void tell(imsg::PeerId peer, const Enqueued& answer);
  void refuse(const Incoming& incoming, uint16_t code, const std::string& enhanced, const std::string& text,
              Judge by = Judge::kQueue);
  void drop_file_of(imsg::PeerId peer, uint64_t message);
  bool may_have_file(imsg::PeerId peer) const;
  std::optional<Incoming> take_incoming(uint64_t query);
  std::vector<Envelope> envelopes_of(const Incoming& incoming, const Routed& routed, const RouteFailure*& refusal);
  void lookup_gone();
  int64_t lifetime() const {
    return config_.lifetime != 0 ? static_cast<int64_t>(config_.lifetime) : RetryPolicy().lifetime;
  }
  void set_times(Envelope& envelope, const Message& message) const;
  std::vector<Notice> expansions(std::vector<Envelope>& envelopes) const;
  // returns.cc
  void on_failed(const Envelope& envelope, const Cause& cause);
  void on_delayed(const Envelope& envelope);
  void on_delivered(const Envelope& envelope, Action action, const Cause& answer);
  void forget(const EnvelopeId& id);
  void try_again(const EnvelopeId& id, const std::string& text);
  lookup::SessionFacts facts_of(const Message& message) const;
  void on_reroute(const Envelope& envelope);
  void take_reroute(const Envelope& envelope, const Routed& routed);
  Result<uint32_t> unused_number(const Message& message);
  void send_reports();
  void send_report(const Report& report, const Message& about, const std::string& owner);
  Report& report_about(const Envelope& envelope);
  void drop_report(const Report& report, uint64_t message, std::string_view why);
  std::string reader_of(const Report& report, const Message& message) const;
  // forwards.cc
  void on_forwarded(imsg::PeerId peer, Forwarded&& forwarded);
  void take_forwarded(Forwarding forwarding, const Routed& routed);
  // queue.cc
  void on_config(imsg::PeerId peer, Config&& config);
  void quarantine_poison();
  void on_user_failed(imsg::PeerId peer, UserFailed&& failed);
  void on_stored(imsg::PeerId peer, Stored&& stored);
  void on_rejected(imsg::PeerId peer, Rejected&& rejected);
  void on_durable(imsg::PeerId peer, Durable&& durable);
  void on_transferred(imsg::PeerId peer, relay::Transferred&& result);
  void hand_on(const Message& message, const std::vector<Envelope>& envelopes, int content);
  bool has_work() const;
  void quit_now();
  void commit_turn();
  void tick();
  void count_on();
  bool index_on();
  // memory.cc
  void on_keep_note(imsg::PeerId peer, KeepNote&& m);
  void on_find_note(imsg::PeerId peer, FindNote&& m);
  void sweep_notes();
  void on_submit_report(imsg::PeerId peer, SubmitReport&& m);
  // verbs.cc
  void on_select(imsg::PeerId peer, SelectQueue&& select);
  void on_show(imsg::PeerId peer, ShowMessage&& show);
  // lives.cc
  void on_find_lives(imsg::PeerId peer, FindLives&& find);
  Status find_waiting(const FindLives& find, Lives& out);
  Status find_finished(const FindLives& find, Lives& out);
  Status find_refused(const FindLives& find, Lives& out);
  Result<uint64_t> start_of(const FindLives& find);
  int64_t oldest_kept() const;
  void on_list_destinations(imsg::PeerId peer, ListDestinations&& list);
  void prune_history();
  void on_refusal(imsg::PeerId peer, Refusal&& refusal);
  void remember_refusal(Refusal refusal);
  void remember_refusal(const Incoming& incoming, Judge by, uint16_t code, const std::string& enhanced,
                        const std::string& text);
  void stage_refusals();
  void run_selects();
  void run_select(Select& select);
  void walk(Select& select, EnvelopeId at, Change& change);
  void look(Select& select, const Envelope& envelope, Change& change);
  void command(Select& select, const Envelope& envelope, Change& change);
  void end_select(Select& select, const Status& status);
  bool is_in_hand(const Envelope& envelope) const;
  std::string state_of(const Envelope& envelope, const Message& message) const;
  QueueItem item_for(const Envelope& envelope, const Message& message);

  event::Loop& loop_;
  std::unique_ptr<Spool> spool_;
  worker::Peers* peers_ = nullptr;
  Config config_, next_config_;
  Local local_;
  Remote remote_;
  event::Timer timer_;
  event::Timer quit_limit_;
  event::Timer prune_timer_;
  bool quitting_ = false;
  bool load_more_ = false;  // in the next turn: there is more to count, or to bring into memory
  uint64_t last_query_ = 0;
  std::unordered_map<uint64_t, Incoming> incoming_;      // by query
  std::map<imsg::PeerId, uint64_t> incoming_weight_;     // bytes of them, by who sent them
  std::unordered_map<uint64_t, Envelope> rerouting_;     // by query
  std::unordered_map<uint64_t, Forwarding> forwarding_;  // by query
  std::map<std::pair<uint64_t, std::string>, Report>
      reports_;                                       // of this turn, by message and who is told instead of its sender
  std::unordered_map<uint64_t, imsg::PeerId> files_;  // made and not yet enqueued
  Tickets tickets_;
  std::string notes_seen_;  // how far the sweep for old notes has come
  int64_t next_sweep_ = 0;
  size_t max_files_ = 0;  // so many at once, for descriptors are needed elsewhere too
  std::vector<Accepted> accepted_;
  std::vector<Replaced> replaced_;
  std::unordered_map<uint64_t, uint32_t> next_numbers_;  // by message, of those that this turn gives new envelopes
  std::vector<Refusal> refusals_;                        // of this turn
  double refusals_left_ = 0;                             // that may be remembered now: see lives.cc
  Micros refusals_since_{0};
  uint64_t refusals_lost_ = 0;
  std::deque<Select> selects_;    // not looked at yet
  std::vector<Select> selected_;  // of this turn
  struct Counters {
    uint64_t messages = 0, refused = 0, bounces = 0, commits = 0;
  } counters_;
};

}  // namespace mailkeep::queue
