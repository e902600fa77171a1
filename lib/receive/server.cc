// The receiving process: see server.h.
// SPDX-License-Identifier: ISC
#include "lib/receive/server.h"

#include <arpa/inet.h>
#include <bsd/stdlib.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstring>

#include "lib/base/text.h"
#include "lib/log/log.h"
#include "lib/os/descriptors.h"

namespace mailkeep::receive {

namespace {
constexpr int kAcceptBatch = 64;
constexpr Micros kSweepEvery = Seconds(1);
constexpr Micros kAcceptPause = Millis(100);
constexpr Micros kQuitPatience = Seconds(2);  // for the queue's answers; the parent waits a little longer

// How many sessions this process has descriptors for: each may need a second one, for a spool file.
uint64_t sessions_by_descriptors() { return std::max<uint64_t>((os::descriptor_limit() - os::spare_descriptors()) / 2, 1); }

Session::Peer peer_of(const struct sockaddr_storage& from) {
  char text[INET6_ADDRSTRLEN] = "";
  if (from.ss_family == AF_INET) {
    struct sockaddr_in sin {};
    std::memcpy(&sin, &from, sizeof sin);
    inet_ntop(AF_INET, &sin.sin_addr, text, sizeof text);
    return {text, std::string("[") + text + "]"};
  }
  if (from.ss_family == AF_INET6) {
    struct sockaddr_in6 sin6 {};
    std::memcpy(&sin6, &from, sizeof sin6);
    inet_ntop(AF_INET6, &sin6.sin6_addr, text, sizeof text);
    return {text, std::string("[IPv6:") + text + "]"};
  }
  return {"local", "local"};
}
}  // namespace

struct Server::Listening {
  smtpd::Listener listener;
  std::unique_ptr<event::Watch> watch;
};

imsg::Routes<Server> Server::routes() {
  imsg::Routes<Server> r;
  r.add(imsg::Role::kParent, &Server::on_config);
  r.add(imsg::Role::kParent, &Server::on_listener);
  r.add(imsg::Role::kLookup, &Server::on_verdict);
  r.add(imsg::Role::kLookup, &Server::on_sender_verdict);
  r.add(imsg::Role::kAuth, &Server::on_checked);
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
      accept_again_(loop, [this] {
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
    log::warn("descriptors").kv("max_sessions", config_.max_sessions).kv("room", room).kv("text", "too few descriptors: fewer sessions at once");
    config_.max_sessions = static_cast<uint32_t>(room);
  }
  std::map<uint32_t, std::unique_ptr<Listening>> fresh;
  for (auto& l : next_listeners_) {
    auto listening = std::make_unique<Listening>();
    Listening& ref = *listening;
    ref.listener = std::move(l);
    ref.watch = std::make_unique<event::Watch>(loop_, ref.listener.socket.get(), [this, &ref](unsigned) { accept_some(ref); });
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
    Fd fd(::accept4(listening.listener.socket.get(), reinterpret_cast<struct sockaddr*>(&from), &length, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (fd) {
      admit(listening, std::move(fd), peer_of(from));
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
  connections_++;
  uint64_t id = 0;
  do {
    arc4random_buf(&id, sizeof id);
  } while (id == 0 || sessions_.count(id) != 0);
  const bool full = sessions_.size() >= config_.max_sessions;
  uint32_t& of_source = by_source_[peer.address];
  const bool limited = peer.address != "local" && listening.listener.protocol != smtpd::Protocol::kLmtp;
  const bool crowded = limited && of_source >= config_.max_sessions_per_source;
  of_source++;
  auto& session = sessions_[id];
  session = std::make_unique<Session>(*this, id, listening.listener, std::move(peer), std::move(connection));
  if (full) return session->refuse("4.3.2", config_.hostname + " Too many sessions, try again later");
  if (crowded) return session->refuse("4.7.0", config_.hostname + " Too many sessions from your address");
  session->start();
}

void Server::ended(uint64_t session) { ended_.push_back(session); }

void Server::bury() {
  for (const uint64_t id : ended_) {
    const auto it = sessions_.find(id);
    if (it == sessions_.end()) continue;
    const auto source = by_source_.find(it->second->source());
    if (source != by_source_.end() && --source->second == 0) by_source_.erase(source);
    sessions_.erase(it);
  }
  ended_.clear();
  if (quitting_) quit_if_idle();
}

void Server::sweep() {
  const Micros now = now_monotonic();
  for (auto& [id, session] : sessions_) session->tick(now);
  sweep_.set(kSweepEvery);
}

// What a client may be told: yes, or an error.
static bool is_answer(uint16_t code) { return code == 250 || (code >= 400 && code < 600); }

static bool is_plain(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c < 127; });
}

// What is written to without waiting: anything but a file could hold this process up.
static bool is_file(const Fd& fd) {
  struct stat st {};
  return ::fstat(fd.get(), &st) == 0 && S_ISREG(st.st_mode);
}

void Server::on_verdict(imsg::PeerId from, lookup::RcptVerdict&& m) {
  if (!is_answer(m.code)) return peers_.condemn(from, "a verdict that is no reply");
  if (Session* s = find(m.session)) s->on_verdict(std::move(m));
}

void Server::on_sender_verdict(imsg::PeerId from, lookup::SenderVerdict&& m) {
  if (!is_answer(m.code)) return peers_.condemn(from, "a verdict that is no reply");
  if (Session* s = find(m.session)) s->on_sender_verdict(std::move(m));
}

void Server::on_checked(imsg::PeerId, auth::Checked&& m) {
  if (Session* s = find(m.session)) s->on_checked(std::move(m));
}

void Server::on_enqueued(imsg::PeerId from, queue::Enqueued&& m) {
  if (!is_answer(m.code)) return peers_.condemn(from, "an answer that is no reply");
  if (Session* s = find(m.session)) s->on_enqueued(std::move(m));
}

void Server::on_spool_file(imsg::PeerId from, queue::SpoolFile&& m) {
  if (m.file && !is_file(m.file)) return peers_.condemn(from, "a spool file that is none");
  if (Session* s = find(m.session)) return s->on_spool_file(std::move(m));
  drop_spool_file(m.message);
}

void Server::on_established(imsg::PeerId from, tls::Established&& m) {
  // They become part of a Received field.
  if (!is_plain(m.version) || !is_plain(m.cipher)) return peers_.condemn(from, "a cipher with bytes that no name has");
  if (Session* s = find(m.session)) s->on_established(std::move(m));
}

void Server::on_tls_failed(imsg::PeerId, tls::Failed&& m) {
  if (Session* s = find(m.session)) s->on_tls_failed(m.text);
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
  return {{"sessions", sessions_.size()}, {"connections", connections_}, {"messages", messages_}};
}

}  // namespace mailkeep::receive
