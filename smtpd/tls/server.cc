// The tls process: see server.h.
// SPDX-License-Identifier: ISC
#include "smtpd/tls/server.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include "lib/base/text.h"
#include "lib/os/peer.h"

namespace mailkeep::tls {

using imsg::PeerId;
using imsg::Role;

Server::Server(event::Loop& loop) : loop_(loop), worker_(loop, *this, routes()) {}

imsg::Routes<Server> Server::routes() {
  imsg::Routes<Server> r;
  r.add<Keypair>(Role::kParent, &Server::on_keypair);
  r.add<Serve>(Role::kSmtpd, &Server::on_serve);
  r.add<Serve>(Role::kImapd, &Server::on_serve);
  return r;
}

void Server::on_keypair(PeerId, Keypair&& m) {
  Next& next = next_[m.generation];
  if (!next.error.empty()) return;  // the first mistake is what the operator is told
  auto pem = read_pem(m.name, m.cert, m.key);
  if (!pem) {
    next.error = pem.error().text;
    return;
  }
  if (auto added = next.keys.add(std::move(*pem)); !added) next.error = added.error().text;
}

Status Server::on_prepare(uint32_t generation) {
  const Next& next = next_[generation];
  if (!next.error.empty()) return Error(next.error);
  return {};
}

void Server::on_commit(uint32_t generation) {
  const auto it = next_.find(generation);
  if (it == next_.end()) return;
  it->second.keys.complete();
  keys_ = std::move(it->second.keys);
  next_.erase(next_.begin(), std::next(it));
  log::info("tls-keys").kv("generation", generation).kv("pki", keys_.size());
}

void Server::on_abort(uint32_t generation) { next_.erase(generation); }

void Server::on_serve(PeerId from, Serve&& m) {
  const std::string source = m.client ? os::peer_of(m.client.get()).address : "unknown";
  if (!m.client || !m.plain) return refuse(from, m.session, source, "descriptor missing");
  if (clients_.size() >= kMaxConnections) return refuse(from, m.session, source, "too many connections");
  auto context = keys_.context(m.pki);
  if (!context) return refuse(from, m.session, source, context.error().text);
  for (const int fd : {m.client.get(), m.plain.get()}) {
    const int flags = ::fcntl(fd, F_GETFL);
    if (flags < 0 || ::fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0) {
      return refuse(from, m.session, source, errno_error("fcntl").text);
    }
  }
  const int on = 1;
  // Fails on a socket that is no TCP connection, where there is nothing to delay either.
  static_cast<void>(::setsockopt(m.client.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on));
  const uint64_t id = ++last_id_;
  Client& c = clients_[id];
  c.peer = from;
  c.session = m.session;
  c.source = source;
  c.connection = std::make_unique<Connection>(
      loop_, std::move(*context), std::move(m.client), std::move(m.plain),
      Connection::Callbacks{.established = [this, id](const Connection::Handshake& h) { established(id, h); },
                            .failed = [this, id](const std::string& why) { failed(id, why); },
                            .ended = [this, id] { clients_.erase(id); }});
}

void Server::established(uint64_t id, const Connection::Handshake& h) {
  const auto it = clients_.find(id);
  if (it == clients_.end()) return;
  const Client& c = it->second;
  handshakes_ok_++;
  log::info("tls-established")
      .kv("session", hex64(c.session))
      .kv("src", c.source)
      .kv("version", h.version)
      .kv("cipher", h.cipher)
      .kv("servername", h.servername);
  Established m;
  m.session = c.session;
  m.version = h.version.substr(0, 32);
  m.cipher = h.cipher.substr(0, 100);
  m.servername = h.servername.substr(0, kMaxHostname);
  worker_.send(c.peer, m);
}

void Server::failed(uint64_t id, const std::string& why) {
  const auto it = clients_.find(id);
  if (it == clients_.end()) return;
  const Client c = std::move(it->second);
  clients_.erase(it);
  refuse(c.peer, c.session, c.source, why);
}

void Server::refuse(PeerId peer, uint64_t session, const std::string& source, const std::string& why) {
  handshakes_failed_++;
  log::info("tls-failed").kv("session", hex64(session)).kv("src", source).kv("text", why);
  Failed m;
  m.session = session;
  m.text = why.substr(0, 1000);
  worker_.send(peer, m);
}

std::vector<worker::Stat> Server::stats() {
  return {{"connections", clients_.size()},
          {"handshakes", handshakes_ok_},
          {"handshakes-failed", handshakes_failed_},
          {"pki", keys_.size()}};
}

}  // namespace mailkeep::tls
