// The tls process: see server.h.
// SPDX-License-Identifier: ISC
#include "smtpd/tls/server.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>

#include <algorithm>

#include "lib/base/text.h"
#include "lib/os/peer.h"

namespace mailkeep::tls {

using imsg::PeerId;
using imsg::Role;

namespace {

// Each connection has two descriptors; the rest is for peers' channels and what their messages bring.
size_t room_by_descriptors() {
  constexpr rlim_t kReserved = 160;
  struct rlimit limit {};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur <= 2 * kReserved) return kReserved / 2;
  return std::min<size_t>(kMaxConnections, (limit.rlim_cur - kReserved) / 2);
}

}  // namespace

Server::Server(event::Loop& loop) : loop_(loop), room_(room_by_descriptors()), worker_(loop, *this, routes()) {}

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
  if (!os::is_stream_socket(m.client.get()) || !os::is_stream_socket(m.plain.get())) {
    return worker_.condemn(from, "hands over what is no connection");
  }
  if (clients_.size() >= room_) return refuse(from, m.session, source, "too many connections");
  if (by_peer_[from] >= room_ / 2) return refuse(from, m.session, source, "too many connections of one process");
  auto context = keys_.context(m.pki);
  if (!context) return refuse(from, m.session, source, context.error().text);
  const int on = 1;
  // Fails on a socket that is no TCP connection, where there is nothing to delay either.
  static_cast<void>(::setsockopt(m.client.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on));
  const uint64_t id = ++last_id_;
  Client& c = clients_[id];
  by_peer_[from]++;
  c.peer = from;
  c.session = m.session;
  c.source = source;
  c.connection = std::make_unique<Connection>(
      loop_, std::move(*context), std::move(m.client), std::move(m.plain),
      Connection::Callbacks{.established = [this, id](const Connection::Handshake& h) { established(id, h); },
                            .failed = [this, id](const std::string& why) { failed(id, why); },
                            .ended = [this, id] { forget(id); }});
}

// What it was, for who wants to answer for it.
Server::Client Server::forget(uint64_t id) {
  auto node = clients_.extract(id);
  if (node.empty()) return {};
  const auto count = by_peer_.find(node.mapped().peer);
  if (count != by_peer_.end() && --count->second == 0) by_peer_.erase(count);
  return std::move(node.mapped());
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
  const Client c = forget(id);
  if (!c.connection) return;
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
