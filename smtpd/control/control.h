// The control process: takes requests from the control socket, asks the parent, the queue and the other workers, and
// passes their answers on. Runs as its own uid in an empty chroot; clients are local and known by SO_PEERCRED.
//
//   client --AskX--> Client (one request at a time) --query id--> parent, queue, workers
//   client <--answer-- Client <----------------------------------'    (or Refused when it takes too long)
//
// SPDX-License-Identifier: ISC
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>

#include "lib/event/loop.h"
#include "lib/worker/worker.h"
#include "smtpd/control/client_messages.h"
#include "smtpd/parent/messages.h"

namespace mailkeep::control {

constexpr size_t kMaxClients = 64;
constexpr Millis kAcceptPause{100};     // out of descriptors: until others have ended
constexpr Seconds kStatusPatience{2};   // for the workers' counters
constexpr Seconds kAnswerPatience{60};  // for one answer of the parent or the queue
constexpr Seconds kIdlePatience{60};    // a client without a request

// What a status request has gathered so far.
struct Gathering {
  client::Status status;
  bool have_report = false;
  std::set<uint64_t> waiting;  // peers whose counters are still to come
  bool waiting_for_queue = false;
};

class Control : public worker::Hooks {
 public:
  explicit Control(event::Loop& loop);
  void set_peers(worker::Peers* peers) { peers_ = peers; }

  mailkeep::Status on_prepare(uint32_t generation) override;
  void on_commit(uint32_t generation) override;
  void on_abort(uint32_t generation) override;
  void on_peer_up(imsg::PeerId peer, const std::string& account) override;
  void on_peer_down(imsg::PeerId peer) override;
  std::vector<worker::Stat> stats() override;

  void on_config(imsg::PeerId, Config&& m);
  void on_status_report(imsg::PeerId, StatusReport&& m);
  void on_reloaded(imsg::PeerId, Reloaded&& m);
  void on_log_line(imsg::PeerId, worker::LogLine&& m);
  void on_stats(imsg::PeerId from, worker::Stats&& m);
  void on_queue_selected(imsg::PeerId, queue::QueueSelected&& m);
  void on_message_shown(imsg::PeerId, queue::MessageShown&& m);
  void on_lives(imsg::PeerId, queue::Lives&& m);
  void on_destinations(imsg::PeerId, queue::Destinations&& m);
  void on_hops(imsg::PeerId, lookup::Hops&& m);
  void on_tls_policy(imsg::PeerId, relay::TlsPolicyShown&& m);
  void on_delivery(imsg::PeerId, relay::DeliveryShown&& m);
  void on_table_shown(imsg::PeerId, lookup::TableShown&& m);

 private:
  struct Client {
    int fd = -1;  // the channel's, to ask who is there
    std::unique_ptr<imsg::Channel> channel;
    std::unique_ptr<event::Timer> patience;
    uint32_t query = 0;  // the request under way; 0 none
    uint16_t asked = 0;  // its message type
    bool follows = false;
    uint64_t missed = 0;
    std::optional<Gathering> gathering;
  };

  void accept_clients();
  void pause_accepting();
  bool may_command(int fd, uint32_t& uid) const;
  bool on_client_frame(uint64_t id, imsg::Frame& frame);
  template <class M>
  bool take_request(uint64_t id, imsg::Frame& frame, void (Control::*handler)(uint64_t, Client&, M&&));
  void ask_status(uint64_t id, Client& c, client::AskStatus&&);
  void ask_reload(uint64_t id, Client& c, client::AskReload&& m);
  void ask_table(uint64_t id, Client& c, client::AskTable&& m);
  void ask_queue_select(uint64_t id, Client& c, client::AskQueueSelect&& m);
  void ask_queue_show(uint64_t id, Client& c, client::AskQueueShow&& m);
  void ask_lives(uint64_t id, Client& c, client::AskLives&& m);
  void ask_destinations(uint64_t id, Client& c, client::AskDestinations&& m);
  void ask_hops(uint64_t id, Client& c, client::AskHops&& m);
  void ask_delivery(uint64_t id, Client& c, client::AskDelivery&& m);
  void ask_tls_policy(uint64_t id, Client& c, client::AskTlsPolicy&& m);
  void ask_follow(uint64_t id, Client& c, client::AskFollow&&);
  uint32_t begin(uint64_t id, Client& c);
  void on_impatient(uint64_t id);
  void refuse(Client& c, const std::string& why);
  void finish_status(Client& c);
  void end_client(uint64_t id);
  void set_following();
  // The client whose request `query` is; nullptr: it has left, or is not waiting for that kind of answer.
  Client* asker(uint32_t query, uint16_t asked);
  template <class M>
  void pass_on(uint32_t query, uint16_t asked, M&& answer);

  event::Loop& loop_;
  worker::Peers* peers_ = nullptr;
  std::optional<Config> next_;
  Config config_;
  std::unique_ptr<event::Watch> accept_;
  event::Timer resume_;
  std::map<uint64_t, Client> clients_;
  uint64_t last_client_ = 0;
  uint32_t last_query_ = 0;
  std::map<uint32_t, uint64_t> queries_;  // query, client
  std::set<uint64_t> workers_;            // those with counters
  bool following_ = false;
  uint64_t requests_ = 0;
  uint64_t refused_ = 0;
};

imsg::Routes<Control> control_routes();

}  // namespace mailkeep::control
