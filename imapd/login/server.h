// The imapd process: listeners, and connections until they have logged in.
//
//   parent ─Config, Listener…─▶ imapd ─Serve─▶ tls       imapd ─Check─▶ auth
//   parent ◀─Present (connection, ticket)── imapd        parent ─Presented─▶ imapd
//
// SPDX-License-Identifier: ISC
#pragma once

#include <map>
#include <memory>
#include <unordered_map>

#include "imapd/login/messages.h"
#include "imapd/login/session.h"
#include "lib/worker/worker.h"

namespace mailkeep::imapd {

constexpr Millis kAcceptPause{100};  // out of descriptors: until others have ended

class Server : public worker::Hooks, private Host {
 public:
  explicit Server(event::Loop& loop);

  Status on_prepare(uint32_t generation) override;
  void on_commit(uint32_t generation) override;
  void on_abort(uint32_t generation) override;
  void on_peer_down(imsg::PeerId peer) override;
  std::vector<worker::Stat> stats() override;

  void on_config(imsg::PeerId from, Config&& m);
  void on_listener(imsg::PeerId from, Listener&& m);
  void on_established(imsg::PeerId from, tls::Established&& m);
  void on_failed(imsg::PeerId from, tls::Failed&& m);
  void on_checked(imsg::PeerId from, auth::Checked&& m);
  void on_presented(imsg::PeerId from, Presented&& m);
  static imsg::Routes<Server> routes();

 private:
  struct Listening {
    Listener line;
    std::unique_ptr<event::Watch> watch;
  };
  struct Setup {
    Config config;
    std::vector<Listening> listeners;
    std::string error;
  };

  bool serve_tls(tls::Serve m) override;
  bool tls_is_up() const override;
  bool check(const auth::Check& m) override;
  void present(const parent::Present& m) override;
  void ended(uint64_t session, std::string_view why) override;

  void accept_some(const Listening& from);
  void pause_accepting(const Listening& at);
  void accepted(const Listening& from, Fd connection, const os::Peer& peer);
  void listen_all(bool on);
  Session* find(uint64_t id);
  uint64_t new_id() const;

  event::Loop& loop_;
  Setup now_;
  std::map<uint32_t, Setup> next_;  // by generation
  std::unordered_map<uint64_t, std::unique_ptr<Session>> sessions_;
  std::unordered_map<std::string, uint32_t> per_source_;  // by os::Peer::group
  event::Timer resume_;
  bool told_pause_ = false;
  uint64_t connections_ = 0;
  uint64_t logins_ = 0;
  uint64_t turned_away_ = 0;
  worker::Worker<Server> worker_;
};

}  // namespace mailkeep::imapd
