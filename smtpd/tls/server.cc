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
  r.add<Authorities>(Role::kParent, &Server::on_authorities);
  r.add<Connect>(Role::kRelay, &Server::on_connect);
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

void Server::on_authorities(PeerId, Authorities&& m) {
  Next& next = next_[m.generation];
  if (auto set = next.trust.set(std::move(m.bundle), m.path); !set && next.error.empty()) next.error = set.error().text;
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
  trust_ = std::move(it->second.trust);
  next_.erase(next_.begin(), std::next(it));
  log::info("tls-keys").kv("generation", generation).kv("pki", keys_.size());
}

void Server::on_abort(uint32_t generation) { next_.erase(generation); }

// Whether the two can become a connection; if not, the sender has been told, or has lost its life.
bool Server::admit(PeerId from, uint64_t session, const Fd& remote, const Fd& plain) {
  const std::string source = remote ? os::peer_of(remote.get()).address : "unknown";
  if (!remote || !plain) {
    refuse(from, session, source, "descriptor missing");
  } else if (!os::is_stream_socket(remote.get()) || !os::is_stream_socket(plain.get())) {
    worker_.condemn(from, "hands over what is no connection");
  } else if (clients_.size() >= room_) {
    refuse(from, session, source, "too many connections");
  } else if (by_peer_[from] >= room_ / 2) {
    refuse(from, session, source, "too many connections of one process");
  } else {
    return true;
  }
  return false;
}

uint64_t Server::enter(PeerId from, uint64_t session, int remote) {
  const int on = 1;
  // Fails on a socket that is no TCP connection, where there is nothing to delay either.
  static_cast<void>(::setsockopt(remote, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on));
  const uint64_t id = ++last_id_;
  Client& c = clients_[id];
  by_peer_[from]++;
  c.peer = from;
  c.session = session;
  c.source = os::peer_of(remote).address;
  return id;
}

Connection::Callbacks Server::calls_of(uint64_t id) {
  return {.established = [this, id](const Connection::Handshake& h) { established(id, h); },
          .failed = [this, id](const std::string& why) { failed(id, why); },
          .ended = [this, id] { forget(id); }};
}

void Server::on_serve(PeerId from, Serve&& m) {
  if (!admit(from, m.session, m.client, m.plain)) return;
  auto context = keys_.context(m.pki);
  if (!context) return refuse(from, m.session, os::peer_of(m.client.get()).address, context.error().text);
  const uint64_t id = enter(from, m.session, m.client.get());
  clients_[id].connection =
      std::make_unique<Connection>(loop_, std::move(*context), std::move(m.client), std::move(m.plain), calls_of(id));
}

void Server::on_connect(PeerId from, Connect&& m) {
  if (!admit(from, m.session, m.server, m.plain)) return;
  auto client = trust_.client(m.check != Check::kNone);
  if (!client) return refuse(from, m.session, os::peer_of(m.server.get()).address, client.error().text);
  const uint64_t id = enter(from, m.session, m.server.get());
  Client& c = clients_[id];
  if (m.names.empty()) m.names = {m.servername};
  c.wish = Wish{m.check, std::move(m.names), std::move(m.associations)};
  Connection::Callbacks calls = calls_of(id);
  calls.accepts = [this, id](::tls* connection) { return accepts(id, connection); };
  c.connection = std::make_unique<Connection>(loop_, std::move(*client), m.servername, std::move(m.server),
                                              std::move(m.plain), std::move(calls));
}

// The connection is on the stack: what it is not good enough for ends it later.
bool Server::accepts(uint64_t id, ::tls* connection) {
  Client& c = clients_[id];
  c.finding = check_peer(connection, *c.wish, trust_.anchors());
  if (c.finding.is_good || c.wish->check == Check::kNone) return true;
  loop_.defer([this, id] {
    const Client bad = forget(id);
    if (bad.connection) refuse(bad.peer, bad.session, bad.source, bad.finding.text, bad.finding.problem);
  });
  return false;
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
      .kv("servername", h.servername)
      .kv("verified", c.finding.is_good ? 1 : 0);
  Established m;
  m.session = c.session;
  m.version = h.version.substr(0, 32);
  m.cipher = h.cipher.substr(0, 100);
  m.servername = h.servername.substr(0, kMaxHostname);
  m.verified = c.finding.is_good;
  m.how = c.finding.text.substr(0, 300);
  worker_.send(c.peer, m);
}

void Server::failed(uint64_t id, const std::string& why) {
  const Client c = forget(id);
  if (!c.connection) return;
  refuse(c.peer, c.session, c.source, why);
}

void Server::refuse(PeerId peer, uint64_t session, const std::string& source, const std::string& why, Problem problem) {
  handshakes_failed_++;
  log::info("tls-failed").kv("session", hex64(session)).kv("src", source).kv("text", why);
  Failed m;
  m.session = session;
  m.text = why.substr(0, 1000);
  m.problem = problem;
  worker_.send(peer, m);
}

std::vector<worker::Stat> Server::stats() {
  return {{"connections", clients_.size()},
          {"handshakes", handshakes_ok_},
          {"handshakes-failed", handshakes_failed_},
          {"pki", keys_.size()}};
}

}  // namespace mailkeep::tls
