// The imapd process: see server.h.
// SPDX-License-Identifier: ISC
#include "imapd/login/server.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/random.h>
#include <sys/socket.h>

#include "lib/base/text.h"
#include "lib/os/descriptors.h"

namespace mailkeep::imapd {

using imsg::PeerId;
using imsg::Role;

namespace {
constexpr int kAcceptsPerTurn = 16;
constexpr Seconds kDefaultLoginTimeout{60};
}  // namespace

Server::Server(event::Loop& loop)
    : loop_(loop), resume_(loop, [this] { listen_all(true); }), worker_(loop, *this, routes()) {}

imsg::Routes<Server> Server::routes() {
  imsg::Routes<Server> r;
  r.add<Config>(Role::kParent, &Server::on_config);
  r.add<Listener>(Role::kParent, &Server::on_listener);
  r.add<Presented>(Role::kParent, &Server::on_presented);
  r.add<tls::Established>(Role::kTls, &Server::on_established);
  r.add<tls::Failed>(Role::kTls, &Server::on_failed);
  r.add<auth::Checked>(Role::kAuth, &Server::on_checked);
  return r;
}

// --- configuration -----------------------------------------------------------------------------------

void Server::on_config(PeerId, Config&& m) { next_[m.generation].config = std::move(m); }

void Server::on_listener(PeerId, Listener&& m) {
  Setup& next = next_[m.generation];
  const int flags = m.socket ? ::fcntl(m.socket.get(), F_GETFL) : -1;
  if (m.protocol == Protocol::kSieve) {
    next.error = m.name + ": ManageSieve is not there yet";
  } else if (m.protocol == Protocol::kImaps && m.pki.empty()) {
    next.error = m.name + ": imaps needs a pki";
  } else if (flags < 0 || ::fcntl(m.socket.get(), F_SETFL, flags | O_NONBLOCK) != 0) {
    next.error = m.name + ": no socket came";
  }
  next.listeners.push_back({std::move(m), nullptr});
}

Status Server::on_prepare(uint32_t generation) {
  const auto it = next_.find(generation);
  if (it != next_.end() && !it->second.error.empty()) return Error(it->second.error);
  return {};
}

// The sockets of two generations are the same ones in the kernel: no connection in their queue is lost.
void Server::on_commit(uint32_t generation) {
  now_ = std::move(next_[generation]);
  next_.erase(next_.begin(), next_.upper_bound(generation));
  for (Listening& l : now_.listeners) {
    l.watch = std::make_unique<event::Watch>(loop_, l.line.socket.get(), [this, &l](unsigned) { accept_some(l); });
  }
  listen_all(true);
}

void Server::on_abort(uint32_t generation) { next_.erase(generation); }

void Server::listen_all(bool on) {
  for (Listening& l : now_.listeners) l.watch->want(on ? event::Watch::kRead : event::Watch::kNone);
}

// --- connections -------------------------------------------------------------------------------------

void Server::accept_some(const Listening& from) {
  for (int i = 0; i < kAcceptsPerTurn; i++) {
    if (!os::may_accept(from.line.socket.get())) return pause_accepting(from);
    struct sockaddr_storage address {};
    socklen_t length = sizeof address;
    Fd connection(::accept4(from.line.socket.get(), reinterpret_cast<struct sockaddr*>(&address), &length,
                            SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (connection) {
      accepted(from, std::move(connection), os::peer_of(address));
      continue;
    }
    if (errno == EAGAIN) told_pause_ = false;
    if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) pause_accepting(from);
    return;  // the client gave up, or no more
  }
}

// Clients wait in the backlog until descriptors are free again.
void Server::pause_accepting(const Listening& at) {
  if (!told_pause_) log::warn("accept-paused").kv("listener", at.line.name).kv("text", errno_error("accept").text);
  told_pause_ = true;
  listen_all(false);
  resume_.set(kAcceptPause);
}

void Server::accepted(const Listening& from, Fd connection, const os::Peer& peer) {
  const bool implicit_tls = from.line.protocol == Protocol::kImaps;
  const Config& limits = now_.config;
  uint32_t& from_source = per_source_[peer.group];
  const bool full = limits.max_sessions != 0 && sessions_.size() >= limits.max_sessions;
  const bool greedy = limits.max_sessions_per_source != 0 && from_source >= limits.max_sessions_per_source;
  if (full || greedy) {
    if (from_source == 0) per_source_.erase(peer.group);
    turned_away_++;
    log::info("imap-turned-away")
        .kv("src", peer.address)
        .kv("listener", from.line.name)
        .kv("text", full ? "max-sessions" : "max-sessions-per-source");
    static constexpr std::string_view kBye = "* BYE [UNAVAILABLE] Too many connections, try again later\r\n";
    // Best effort: the socket's buffer is empty, so this either fits or the client is gone.
    if (!implicit_tls)
      static_cast<void>(::send(connection.get(), kBye.data(), kBye.size(), MSG_DONTWAIT | MSG_NOSIGNAL));
    return;
  }
  const int on = 1;
  // Fails where the listener is no TCP socket: there is no delay to switch off then.
  static_cast<void>(::setsockopt(connection.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on));
  from_source++;
  connections_++;
  const uint64_t id = new_id();
  log::info("imap-connect").kv("session", hex64(id)).kv("src", peer.address).kv("listener", from.line.name);
  Session::Terms terms;
  terms.listener = from.line.name;
  terms.hostname = limits.hostname;
  terms.pki = from.line.pki;
  terms.plaintext_ok = from.line.plaintext_ok;
  terms.implicit_tls = implicit_tls;
  terms.login_timeout = limits.login_timeout == 0 ? kDefaultLoginTimeout : Seconds(limits.login_timeout);
  Host& host = *this;
  sessions_[id] = std::make_unique<Session>(loop_, host, id, std::move(connection), peer, std::move(terms));
}

// Unguessable and, over all imapd processes and restarts, not given twice.
uint64_t Server::new_id() const {
  uint64_t id = 0;
  do {
    if (getrandom(&id, sizeof id, 0) != static_cast<ssize_t>(sizeof id)) fatal("getrandom failed");
  } while (sessions_.count(id) != 0);
  return id;
}

Session* Server::find(uint64_t id) {
  const auto it = sessions_.find(id);
  return it == sessions_.end() ? nullptr : it->second.get();
}

// Deferred: it is the session itself that calls.
void Server::ended(uint64_t session, std::string_view why) {
  loop_.defer([this, session, text = std::string(why)] {
    const auto it = sessions_.find(session);
    if (it == sessions_.end()) return;
    const os::Peer peer = it->second->peer();
    sessions_.erase(it);
    if (const auto source = per_source_.find(peer.group); source != per_source_.end() && --source->second == 0)
      per_source_.erase(source);
    log::info("imap-disconnect").kv("session", hex64(session)).kv("src", peer.address).kv("text", text);
  });
}

// --- what sessions ask, and the answers ---------------------------------------------------------------

bool Server::serve_tls(tls::Serve m) { return worker_.send_role(Role::kTls, m, m.session); }
bool Server::tls_is_up() const { return worker_.pick(Role::kTls, 0).has_value(); }
bool Server::check(const auth::Check& m) { return worker_.send_role(Role::kAuth, m); }
void Server::present(const parent::Present& m) { worker_.send_parent(m); }

void Server::on_established(PeerId, tls::Established&& m) {
  if (Session* s = find(m.session)) s->established();
}

void Server::on_failed(PeerId, tls::Failed&& m) {
  if (Session* s = find(m.session)) s->tls_lost();
}

void Server::on_checked(PeerId, auth::Checked&& m) {
  if (Session* s = find(m.session)) s->checked(m);
}

void Server::on_presented(PeerId, Presented&& m) {
  if (m.ok) logins_++;
  if (Session* s = find(m.session)) s->presented(m.ok, m.text);
}

void Server::on_peer_down(PeerId peer) {
  for (auto& [id, session] : sessions_) {
    if (peer.role == Role::kAuth) session->auth_lost();
    // Of several tls processes another may hold this handshake; telling them apart is not worth its memory.
    if (peer.role == Role::kTls) session->tls_lost();
  }
}

std::vector<worker::Stat> Server::stats() {
  return {{"sessions", sessions_.size()},
          {"connections", connections_},
          {"logins", logins_},
          {"turned-away", turned_away_}};
}

}  // namespace mailkeep::imapd
