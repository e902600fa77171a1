// The receiving process: listeners, the table of sessions, and what comes from its peers. smtpd and lmtpd are this,
// with other listeners.
// SPDX-License-Identifier: ISC
#pragma once

#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "lib/receive/admission.h"
#include "lib/receive/session.h"
#include "lib/worker/worker.h"

namespace mailkeep::receive {

class Server : public worker::Hooks {
 public:
  // Listeners of other protocols than `speaks` are refused at Prepare.
  Server(event::Loop& loop, std::vector<smtpd::Protocol> speaks);
  ~Server() override;

  // For sessions. False: that peer is not there now.
  template <class M>
  bool ask_lookup(const M& m) {
    return peers_.send_role(imsg::Role::kLookup, m);
  }
  template <class M>
  bool ask_auth(const M& m) {
    return peers_.send_role(imsg::Role::kAuth, m);
  }
  template <class M>
  bool ask_queue(const M& m) {
    return peers_.send_role(imsg::Role::kQueue, m);
  }
  bool ask_tls(const tls::Serve& m, uint64_t key);
  bool tls_is_up() const { return peers_.pick(imsg::Role::kTls, 0).has_value(); }
  void drop_spool_file(uint64_t message);
  void ended(const Session& session);  // once
  void count_message() { messages_++; }
  void count_early_talker() { early_talkers_++; }
  Admission& admission() { return admission_; }
  // Session::on_alarm, later.
  void wake(uint64_t session, Micros after);
  // The session speaks for another client from now on: `peer`, its own, becomes that one.
  Admission::Verdict change_source(const Session& session, const std::string& address, Session::Peer& peer);
  uint64_t new_message_id() const;
  const smtpd::Config& config() const { return config_; }
  event::Loop& loop() { return loop_; }

 private:
  struct Listening;
  struct Introduction {
    uint32_t listener = 0;
    std::string proxy;  // its address
    Fd fd;
    std::unique_ptr<event::Watch> watch;
    std::string header;
    Micros since{0};
  };
  void on_config(imsg::PeerId from, smtpd::Config&& m);
  void on_listener(imsg::PeerId from, smtpd::Listener&& m);
  void on_verdict(imsg::PeerId from, lookup::RcptVerdict&& m);
  void on_phase_verdict(imsg::PeerId from, lookup::PhaseVerdict&& m);
  void on_sender_verdict(imsg::PeerId from, lookup::SenderVerdict&& m);
  void on_client_name(imsg::PeerId from, lookup::ClientName&& m);
  void on_checked(imsg::PeerId from, auth::Checked&& m);
  void on_identified(imsg::PeerId from, auth::Identified&& m);
  void on_enqueued(imsg::PeerId from, queue::Enqueued&& m);
  void on_spool_file(imsg::PeerId from, queue::SpoolFile&& m);
  void on_established(imsg::PeerId from, tls::Established&& m);
  void on_tls_failed(imsg::PeerId from, tls::Failed&& m);
  Status on_prepare(uint32_t generation) override;
  void on_commit(uint32_t generation) override;
  void on_abort(uint32_t generation) override;
  void on_peer_down(imsg::PeerId peer) override;
  void on_quit() override;
  std::vector<worker::Stat> stats() override;
  static imsg::Routes<Server> routes();

  void accept_some(Listening& listening);
  void admit(Listening& listening, Fd connection, Session::Peer peer);
  Session::Peer peer_at(const Listening& listening, const std::string& address) const;
  void introduce(Listening& listening, Fd connection, const Session::Peer& proxy);
  void read_introduction(uint64_t id);
  bool make_room(const std::string& address);
  void ring();
  void pause_accepting();
  void sweep();
  void bury();
  void quit_if_idle();
  Session* find(uint64_t id);

  event::Loop& loop_;
  std::vector<smtpd::Protocol> speaks_;
  smtpd::Config config_;
  smtpd::Config next_config_;
  std::vector<smtpd::Listener> next_listeners_;
  std::map<uint32_t, std::unique_ptr<Listening>> listening_;
  std::unordered_map<uint64_t, std::unique_ptr<Session>> sessions_;
  Admission admission_;
  Admission locals_;                                // of local sockets alone, by user
  std::map<uint64_t, Introduction> introductions_;  // connections of proxies that have not yet said for whom they are
  uint64_t next_introduction_ = 1;
  std::multimap<Micros, uint64_t> alarms_;
  std::vector<uint64_t> ended_;
  worker::Worker<Server> peers_;
  event::Timer sweep_;
  event::Timer alarm_;
  event::Timer accept_again_;
  event::Timer quit_limit_;
  bool quitting_ = false;
  bool told_pause_ = false;
  uint64_t messages_ = 0;
  uint64_t connections_ = 0;
  uint64_t early_talkers_ = 0;
};

}  // namespace mailkeep::receive
