// The tls process: key pairs of each configuration, and the connections that smtpd and imapd hand over.
//
//   parent ─Keypair…, Prepare, Commit─▶ tls ◀─Serve (client's descriptor, plain end)─ smtpd, imapd
//                                        │  ◀─Connect (server's descriptor, plain end)─ relay
//                                        └──Established | Failed──▶
//
// A new generation serves new connections; those that run keep their own context.
// SPDX-License-Identifier: ISC
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <utility>

#include "lib/worker/worker.h"
#include "smtpd/tls/check.h"
#include "smtpd/tls/connection.h"
#include "smtpd/tls/keys.h"
#include "smtpd/tls/messages.h"
#include "smtpd/tls/trust.h"

namespace mailkeep::tls {

constexpr size_t kMaxConnections = 20000;  // of one peer: half of them, so that the others have room

class Server : public worker::Hooks {
 public:
  explicit Server(event::Loop& loop);

  Status on_prepare(uint32_t generation) override;
  void on_commit(uint32_t generation) override;
  void on_abort(uint32_t generation) override;
  std::vector<worker::Stat> stats() override;

  void on_keypair(imsg::PeerId from, Keypair&& m);
  void on_authorities(imsg::PeerId from, Authorities&& m);
  void on_serve(imsg::PeerId from, Serve&& m);
  void on_connect(imsg::PeerId from, Connect&& m);
  static imsg::Routes<Server> routes();

 private:
  struct Next {  // a configuration on its way in
    Keys keys;
    Trust trust;
    std::string error;
  };
  struct Client {
    imsg::PeerId peer;
    uint64_t session = 0;
    std::string source;
    std::optional<Wish> wish;  // of a Connect
    Finding finding;
    std::unique_ptr<Connection> connection;
  };

  Client forget(uint64_t id);
  Connection::Callbacks calls_of(uint64_t id);
  bool admit(imsg::PeerId from, uint64_t session, const Fd& remote, const Fd& plain);
  uint64_t enter(imsg::PeerId from, uint64_t session, int remote);
  bool accepts(uint64_t id, ::tls* connection);
  void established(uint64_t id, const Connection::Handshake& h);
  void failed(uint64_t id, const std::string& why);
  void refuse(imsg::PeerId peer, uint64_t session, const std::string& source, const std::string& why,
              Problem problem = Problem::kHandshake);

  event::Loop& loop_;
  Keys keys_;
  Trust trust_;
  std::map<uint32_t, Next> next_;  // by generation
  std::map<uint64_t, Client> clients_;
  std::map<imsg::PeerId, size_t> by_peer_;
  size_t room_;
  uint64_t last_id_ = 0;
  uint64_t handshakes_ok_ = 0;
  uint64_t handshakes_failed_ = 0;
  worker::Worker<Server> worker_;
};

}  // namespace mailkeep::tls
