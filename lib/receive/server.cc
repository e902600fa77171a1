// The receiving process: see server.h.
// SPDX-License-Identifier: ISC
#include "lib/receive/server.h"

#include <arpa/inet.h>
#include <bsd/stdlib.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>

#include "lib/base/text.h"
#include "lib/conf/network.h"
#include "lib/log/log.h"
#include "lib/os/descriptors.h"
#include "lib/receive/proxy_header.h"

namespace mailkeep::receive {

namespace {
constexpr int kAcceptBatch = 64;
constexpr uint32_t kLocalShare = 2;  // of the sessions: local users may have one in so many
constexpr Micros kSweepEvery = Seconds(1);
constexpr Micros kAcceptPause = Millis(100);
constexpr Micros kQuitPatience = Seconds(2);  // for the queue's answers; the parent waits a little longer

// How many sessions this process has descriptors for: each may need a second one, for a spool file.
uint64_t sessions_by_descriptors() {
  return std::max<uint64_t>((os::descriptor_limit() - os::spare_descriptors()) / 2, 1);
}

constexpr Seconds kIntroductionPatience(10);  // for a PROXY header
constexpr size_t kMaxIntroductions = 1000;

std::string address_of(const struct sockaddr_storage& from) {
  char text[INET6_ADDRSTRLEN] = "";
  if (from.ss_family == AF_INET) {
    struct sockaddr_in sin {};
    std::memcpy(&sin, &from, sizeof sin);
    inet_ntop(AF_INET, &sin.sin_addr, text, sizeof text);
    return text;
  }
  if (from.ss_family == AF_INET6) {
    struct sockaddr_in6 sin6 {};
    std::memcpy(&sin6, &from, sizeof sin6);
    inet_ntop(AF_INET6, &sin6.sin6_addr, text, sizeof text);
    return text;
  }
  return "local";
}

std::vector<conf::Network> networks(const std::vector<std::string>& texts) {
  std::vector<conf::Network> out;
  for (const auto& text : texts) {
    if (const auto network = conf::parse_network(text)) out.push_back(*network);
  }
  return out;
}

// Who is at the other end of a Unix socket, by uid.
std::string user_of(const Fd& connection) {
  struct ucred peer {};
  socklen_t length = sizeof peer;
  if (::getsockopt(connection.get(), SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0 || length != sizeof peer)
    return "uid unknown";
  return "uid " + std::to_string(peer.uid);
}

bool is_among(const std::vector<conf::Network>& all, const std::optional<conf::Network>& address) {
  return address && std::any_of(all.begin(), all.end(), [&](const conf::Network& n) { return n.contains(*address); });
}
}  // namespace

struct Server::Listening {
  smtpd::Listener listener;
  std::unique_ptr<event::Watch> watch;
  std::vector<conf::Network> trusted, proxies, xclients;
};

Session::Peer Server::peer_at(const Listening& listening, const std::string& address) const {
  static const auto kLoopback4 = *conf::parse_network("127.0.0.0/8");
  static const auto kLoopback6 = *conf::parse_network("::1");
  const auto parsed = conf::parse_address(address);
  Session::Peer out;
  out.address = address;
  out.literal = !parsed ? address : (address.find(':') == std::string::npos ? "[" : "[IPv6:") + address + "]";
  out.is_ours = !parsed || kLoopback4.contains(*parsed) || kLoopback6.contains(*parsed);
  out.is_trusted = is_among(listening.trusted, parsed);
  out.may_xclient = is_among(listening.xclients, parsed);
  return out;
}

imsg::Routes<Server> Server::routes() {
  imsg::Routes<Server> r;
  r.add(imsg::Role::kParent, &Server::on_config);
  r.add(imsg::Role::kParent, &Server::on_listener);
  r.add(imsg::Role::kLookup, &Server::on_verdict);
  r.add(imsg::Role::kLookup, &Server::on_phase_verdict);
  r.add(imsg::Role::kLookup, &Server::on_sender_verdict);
  r.add(imsg::Role::kLookup, &Server::on_client_name);
  r.add(imsg::Role::kAuth, &Server::on_checked);
  r.add(imsg::Role::kAuth, &Server::on_identified);
  r.add(imsg::Role::kQueue, &Server::on_enqueued);
  r.add(imsg::Role::kQueue, &Server::on_spool_file);
  r.add(imsg::Role::kTls, &Server::on_established);
  r.add(imsg::Role::kTls, &Server::on_tls_failed);
  return r;
}

Server::Server(event::Loop& loop, std::vector<smtpd::Protocol> speaks)
    : loop_(loop),
      speaks_(std::move(speaks)),
      peers_(loop, *this, routes()),
      sweep_(loop, [this] { sweep(); }),
      alarm_(loop, [this] { ring(); }),
      accept_again_(loop,
                    [this] {
                      for (auto& [id, l] : listening_) l->watch->want(event::Watch::kRead);
                    }),
      quit_limit_(loop, [this] { Hooks::on_quit(); }) {
  loop_.at_turn_end(event::Loop::Stage::kSend, [this] { bury(); });
  sweep_.set(kSweepEvery);
}

Server::~Server() = default;

Session* Server::find(uint64_t id) {
  const auto it = sessions_.find(id);
  return it == sessions_.end() ? nullptr : it->second.get();
}

uint64_t Server::new_message_id() const { return static_cast<uint64_t>(now_unix()) << 32 | arc4random(); }

bool Server::ask_tls(const tls::Serve& m, uint64_t key) { return peers_.send_role(imsg::Role::kTls, m, key); }

void Server::drop_spool_file(uint64_t message) {
  queue::DropSpoolFile m;
  m.message = message;
  if (!ask_queue(m)) log::debug("spool-drop").kv("msg", hex64(message));  // a queue that restarts drops it itself
}

void Server::on_config(imsg::PeerId, smtpd::Config&& m) {
  next_config_ = std::move(m);
  next_listeners_.clear();
}

void Server::on_listener(imsg::PeerId, smtpd::Listener&& m) { next_listeners_.push_back(std::move(m)); }

Status Server::on_prepare(uint32_t generation) {
  if (next_config_.generation != generation) return Error("configuration of another generation");
  if (next_config_.hostname.empty()) return Error("no host name");
  if (next_config_.max_recipients > kMaxRecipients) {
    return Error("more recipients in a transaction than " + std::to_string(kMaxRecipients));
  }
  for (const auto& l : next_listeners_) {
    if (std::find(speaks_.begin(), speaks_.end(), l.protocol) == speaks_.end()) {
      return Error(l.name + ": this process does not speak that listener's protocol");
    }
    if (!l.socket) return Error(l.name + ": no socket came with the listener");
    const bool submits = l.protocol == smtpd::Protocol::kSubmission || l.protocol == smtpd::Protocol::kSubmissions;
    if (submits && l.pki.empty()) return Error(l.name + ": submission needs a pki");
  }
  return {};
}

void Server::on_commit(uint32_t generation) {
  if (next_config_.generation != generation) return;
  config_ = next_config_;
  const uint64_t room = sessions_by_descriptors();
  if (room < config_.max_sessions) {
    log::warn("descriptors")
        .kv("max_sessions", config_.max_sessions)
        .kv("room", room)
        .kv("text", "too few descriptors: fewer sessions at once");
    config_.max_sessions = static_cast<uint32_t>(room);
  }
  admission_.set_limits({.sessions = config_.max_sessions,
                         .per_source = config_.max_sessions_per_source,
                         .per_network = config_.max_sessions_per_network,
                         .messages_per_hour = config_.max_messages_per_hour,
                         .recipients_per_hour = config_.max_recipients_per_hour});
  // Of a local user as of a network: never more than are still free for all of them.
  locals_.set_limits({.sessions = std::max(config_.max_sessions / kLocalShare, 1U),
                      .per_source = config_.max_sessions_per_source,
                      .per_network = config_.max_sessions_per_source});
  std::map<uint32_t, std::unique_ptr<Listening>> fresh;
  for (auto& l : next_listeners_) {
    auto listening = std::make_unique<Listening>();
    Listening& ref = *listening;
    ref.listener = std::move(l);
    ref.trusted = networks(ref.listener.trusted);
    ref.proxies = networks(ref.listener.proxies);
    ref.xclients = networks(ref.listener.xclients);
    ref.watch =
        std::make_unique<event::Watch>(loop_, ref.listener.socket.get(), [this, &ref](unsigned) { accept_some(ref); });
    ref.watch->want(event::Watch::kRead);
    fresh[ref.listener.id] = std::move(listening);
  }
  listening_ = std::move(fresh);
  next_listeners_.clear();
}

void Server::on_abort(uint32_t) { next_listeners_.clear(); }

void Server::accept_some(Listening& listening) {
  for (int i = 0; i < kAcceptBatch; i++) {
    if (!os::may_accept(listening.listener.socket.get())) return pause_accepting();
    struct sockaddr_storage from {};
    socklen_t length = sizeof from;
    Fd fd(::accept4(listening.listener.socket.get(), reinterpret_cast<struct sockaddr*>(&from), &length,
                    SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (fd) {
      const auto peer = peer_at(listening, address_of(from));
      const bool is_proxy = is_among(listening.proxies, conf::parse_address(peer.address));
      if (is_proxy) {
        introduce(listening, std::move(fd), peer);
      } else {
        admit(listening, std::move(fd), peer);
      }
      continue;
    }
    if (errno == EINTR || errno == ECONNABORTED) continue;
    if (errno == EAGAIN) told_pause_ = false;
    if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) pause_accepting();
    return;
  }
}

// Clients wait in the backlog until descriptors are free again.
void Server::pause_accepting() {
  if (!told_pause_) log::warn("accept-paused").kv("text", std::strerror(errno)).kv("sessions", sessions_.size());
  told_pause_ = true;
  for (auto& [id, l] : listening_) l->watch->want(event::Watch::kNone);
  accept_again_.set(kAcceptPause);
}

void Server::admit(Listening& listening, Fd connection, Session::Peer peer) {
  using Verdict = Admission::Verdict;
  connections_++;
  uint64_t id = 0;
  do {
    arc4random_buf(&id, sizeof id);
  } while (id == 0 || sessions_.count(id) != 0);
  // Local users may have a part of all sessions, so that none of them keeps the world out.
  const bool is_local = listening.listener.protocol == smtpd::Protocol::kLocal;
  if (is_local) peer.user = user_of(connection);
  const Verdict of_locals = is_local ? locals_.enter(peer.user, true, true) : Verdict::kWelcome;
  const bool is_limited =
      !peer.is_trusted && peer.address != "local" && listening.listener.protocol != smtpd::Protocol::kLmtp;
  const Verdict verdict = admission_.enter(peer.address, is_limited, is_limited && !peer.is_ours);
  const bool is_full = of_locals == Verdict::kFull ||
                       (of_locals == Verdict::kWelcome && verdict == Verdict::kFull && !make_room(peer.address));
  auto& session = sessions_[id];
  session = std::make_unique<Session>(*this, id, listening.listener, std::move(peer), std::move(connection));
  if (is_full) return session->refuse("4.3.2", config_.hostname + " Too many sessions, try again later");
  if (of_locals != Verdict::kWelcome)
    return session->refuse("4.7.0", config_.hostname + " Too many sessions of your user, try again later");
  if (verdict == Verdict::kSourceCrowded)
    return session->refuse("4.7.0", config_.hostname + " Too many sessions from your address, try again later");
  if (verdict == Verdict::kNetworkCrowded)
    return session->refuse("4.7.0", config_.hostname + " Too many sessions from your network, try again later");
  session->start();
}

// Ends the idlest session of the network that has most, if `address` will still have less; else one that has been idle
// for long.
bool Server::make_room(const std::string& address) {
  const std::string most = admission_.most_present(admission_.of_network(address) + 1);
  const Micros now = now_monotonic();
  Session* idlest = nullptr;
  for (auto& [id, session] : sessions_) {
    if (!session->is_idle()) continue;
    const bool is_of_most = !most.empty() && network_of(session->source()) == most;
    const bool is_long_idle = now - session->last_progress() >= Micros(Seconds(config_.busy_timeout));
    if (most.empty() ? !is_long_idle : !is_of_most) continue;
    if (idlest == nullptr || session->last_progress() < idlest->last_progress()) idlest = session.get();
  }
  if (idlest == nullptr) return false;
  log::info("session-gives-way").kv("session", hex64(idlest->id())).kv("src", idlest->source()).kv("to", address);
  idlest->refuse("4.3.2", config_.hostname + " Too many sessions, and this one is idle: try again later");
  return true;
}

Admission::Verdict Server::change_source(const Session& session, const std::string& address, Session::Peer& peer) {
  admission_.leave(session.source());
  for (const auto& [id, listening] : listening_) {
    if (id == session.listener()) peer = peer_at(*listening, address);
  }
  if (peer.address != address) {  // the listener is gone: nothing is known of whom it trusts
    peer = {};
    peer.address = address;
    peer.literal = "[" + std::string(address.find(':') == std::string::npos ? "" : "IPv6:") + address + "]";
  }
  return admission_.enter(address, !peer.is_trusted, !peer.is_trusted && !peer.is_ours);
}

void Server::wake(uint64_t session, Micros after) {
  alarms_.emplace(now_monotonic() + after, session);
  alarm_.set(std::max(alarms_.begin()->first - now_monotonic(), Micros(0)));
}

void Server::ring() {
  const Micros now = now_monotonic();
  while (!alarms_.empty() && alarms_.begin()->first <= now) {
    const uint64_t id = alarms_.begin()->second;
    alarms_.erase(alarms_.begin());
    if (Session* s = find(id)) s->on_alarm();
  }
  if (!alarms_.empty()) alarm_.set(std::max(alarms_.begin()->first - now_monotonic(), Micros(0)));
}

// A proxy that we know must say first for whom it connects. Only its own bytes are read: what follows may be a TLS
// handshake.
void Server::introduce(Listening& listening, Fd connection, const Session::Peer& proxy) {
  if (introductions_.size() >= kMaxIntroductions) {
    log::warn("proxy-refused").kv("src", proxy.address).kv("text", "too many at once");
    return;
  }
  const uint64_t id = next_introduction_++;
  Introduction& it = introductions_[id];
  it.listener = listening.listener.id;
  it.proxy = proxy.address;
  it.fd = std::move(connection);
  it.since = now_monotonic();
  it.watch = std::make_unique<event::Watch>(loop_, it.fd.get(), [this, id](unsigned) { read_introduction(id); });
  it.watch->want(event::Watch::kRead);
}

void Server::read_introduction(uint64_t id) {
  const auto at = introductions_.find(id);
  if (at == introductions_.end()) return;
  Introduction& it = at->second;
  for (;;) {
    const auto header = parse_proxy_header(it.header);
    if (!header) {
      log::warn("proxy-refused").kv("src", it.proxy).kv("text", header.error().text);
      introductions_.erase(at);
      return;
    }
    if (header->wanted == 0) {
      Introduction done = std::move(it);
      introductions_.erase(at);
      done.watch.reset();
      const auto listening = listening_.find(done.listener);
      if (listening == listening_.end()) return;
      if (!header->is_local)
        log::info("proxied").kv("via", done.proxy).kv("src", header->source).kv("port", header->source_port);
      return admit(*listening->second, std::move(done.fd),
                   peer_at(*listening->second, header->is_local ? done.proxy : header->source));
    }
    char chunk[kMaxProxyV2];
    const ssize_t n = ::recv(it.fd.get(), chunk, std::min(header->wanted, sizeof chunk), MSG_DONTWAIT);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) return;
    if (n <= 0) {
      introductions_.erase(at);
      return;
    }
    it.header.append(chunk, static_cast<size_t>(n));
  }
}

// From now on it counts no longer: whoever else comes in this turn has its place.
void Server::ended(const Session& session) {
  admission_.leave(session.source());
  if (session.is_local()) locals_.leave(session.user());
  ended_.push_back(session.id());
}

void Server::bury() {
  for (const uint64_t id : ended_) sessions_.erase(id);
  ended_.clear();
  if (quitting_) quit_if_idle();
}

void Server::sweep() {
  const Micros now = now_monotonic();
  const Micros limit = Seconds(admission_.is_crowded() ? config_.busy_timeout : config_.idle_timeout);
  for (auto& [id, session] : sessions_) session->tick(now, limit);
  admission_.sweep(now);
  std::erase_if(introductions_,
                [&](const auto& one) { return now - one.second.since >= Micros(kIntroductionPatience); });
  sweep_.set(kSweepEvery);
}

void Server::on_peer_down(imsg::PeerId peer) {
  for (auto& [id, session] : sessions_) {
    if (peer.role == imsg::Role::kQueue) session->on_queue_down();
    if (peer.role == imsg::Role::kLookup) session->on_lookup_down();
    if (peer.role == imsg::Role::kAuth) session->on_auth_down();
    if (peer.role == imsg::Role::kTls) session->on_tls_failed("the tls process ended");
  }
}

void Server::on_quit() {
  listening_.clear();
  introductions_.clear();
  quitting_ = true;
  for (auto& [id, session] : sessions_) session->shut_down();
  quit_limit_.set(kQuitPatience);
  quit_if_idle();
}

// A message that is with the queue is answered for first, or its client would send it a second time.
void Server::quit_if_idle() {
  for (const auto& [id, session] : sessions_) {
    if (session->waits_for_queue()) return;
  }
  Hooks::on_quit();
}

std::vector<worker::Stat> Server::stats() {
  return {{"sessions", sessions_.size()},
          {"connections", connections_},
          {"messages", messages_},
          {"early_talkers", early_talkers_}};
}

}  // namespace mailkeep::receive
