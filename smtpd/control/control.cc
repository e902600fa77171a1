// The control process: see control.h.
// SPDX-License-Identifier: ISC
#include "smtpd/control/control.h"

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

#include "lib/base/text.h"
#include "lib/os/descriptors.h"

namespace mailkeep::control {

using imsg::PeerId;
using imsg::Role;

namespace {

constexpr PeerId kQueue{Role::kQueue, 0};
constexpr size_t kMaxCounters = 199;  // and our own: what client::Status has room for
constexpr PeerId kLookup{Role::kLookup, 0};
constexpr PeerId kRelay{Role::kRelay, 0};

uint64_t key(PeerId p) { return static_cast<uint64_t>(p.role) << 32 | p.instance; }
PeerId peer_of(uint64_t k) { return {static_cast<Role>(k >> 32), static_cast<uint32_t>(k)}; }

}  // namespace

imsg::Routes<Control> control_routes() {
  imsg::Routes<Control> r;
  r.add<Config>(Role::kParent, &Control::on_config);
  r.add<StatusReport>(Role::kParent, &Control::on_status_report);
  r.add<Reloaded>(Role::kParent, &Control::on_reloaded);
  r.add<worker::LogLine>(Role::kParent, &Control::on_log_line);
  for (const Role role :
       {Role::kTls, Role::kSmtpd, Role::kLookup, Role::kAuth, Role::kQueue, Role::kLmtpd, Role::kImapd, Role::kRelay}) {
    r.add<worker::Stats>(role, &Control::on_stats);
  }
  r.add<lookup::Hops>(Role::kLookup, &Control::on_hops);
  r.add<relay::DeliveryShown>(Role::kRelay, &Control::on_delivery);
  r.add<relay::TlsPolicyShown>(Role::kRelay, &Control::on_tls_policy);
  r.add<lookup::TableShown>(Role::kLookup, &Control::on_table_shown);
  r.add<queue::QueueSelected>(Role::kQueue, &Control::on_queue_selected);
  r.add<queue::MessageShown>(Role::kQueue, &Control::on_message_shown);
  r.add<queue::Lives>(Role::kQueue, &Control::on_lives);
  r.add<queue::Destinations>(Role::kQueue, &Control::on_destinations);
  return r;
}

Control::Control(event::Loop& loop)
    : loop_(loop), resume_(loop, [this] {
        if (accept_) accept_->want(event::Watch::kRead);
      }) {}

// --- configuration and peers -----------------------------------------------------------------------

void Control::on_config(PeerId, Config&& m) { next_ = std::move(m); }

mailkeep::Status Control::on_prepare(uint32_t generation) {
  if (!next_ || next_->generation != generation) return Error("control: no configuration of this generation");
  if (!next_->socket && !config_.socket) return Error("control: no socket");
  return {};
}

void Control::on_commit(uint32_t generation) {
  if (!next_ || next_->generation != generation) return;
  Fd kept = std::move(config_.socket);
  config_ = std::move(*next_);
  next_.reset();
  if (config_.socket) {
    accept_.reset();
  } else {
    config_.socket = std::move(kept);  // the same path goes on
  }
  if (!accept_) {
    accept_ = std::make_unique<event::Watch>(loop_, config_.socket.get(), [this](unsigned) { accept_clients(); });
  }
  accept_->want(clients_.size() < kMaxClients ? event::Watch::kRead : event::Watch::kNone);
}

void Control::on_abort(uint32_t generation) {
  if (next_ && next_->generation == generation) next_.reset();
}

void Control::on_peer_up(PeerId peer, const std::string&) {
  if (peer.role != Role::kUser && peer.role != Role::kPam) workers_.insert(key(peer));
}

void Control::on_peer_down(PeerId peer) {
  workers_.erase(key(peer));
  for (auto& [id, c] : clients_) {
    if (c.gathering) {
      c.gathering->waiting.erase(key(peer));
      if (peer == kQueue) c.gathering->waiting_for_queue = false;
      finish_status(c);
    } else if (c.query != 0 && peer == kQueue &&
               (c.asked == client::AskQueueSelect::kType || c.asked == client::AskQueueShow::kType ||
                c.asked == client::AskLives::kType || c.asked == client::AskDestinations::kType)) {
      refuse(c, "the queue has just been restarted: try again");
    } else if (c.query != 0 && peer == kLookup &&
               (c.asked == client::AskHops::kType || c.asked == client::AskTable::kType)) {
      refuse(c, "the lookup process has just been restarted: try again");
    } else if (c.query != 0 && peer == kRelay &&
               (c.asked == client::AskTlsPolicy::kType || c.asked == client::AskDelivery::kType)) {
      refuse(c, "the relay process has just been restarted: try again");
    }
  }
}

std::vector<worker::Stat> Control::stats() {
  return {{"clients", clients_.size()}, {"requests", requests_}, {"refused", refused_}};
}

// --- clients ---------------------------------------------------------------------------------------

void Control::accept_clients() {
  while (clients_.size() < kMaxClients) {
    if (!os::may_accept(config_.socket.get())) return pause_accepting();
    Fd fd(::accept4(config_.socket.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!fd) {
      if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) pause_accepting();
      return;
    }
    const uint64_t id = ++last_client_;
    Client& c = clients_[id];
    c.fd = fd.get();
    c.channel = std::make_unique<imsg::Channel>(
        loop_, std::move(fd),
        imsg::Channel::Callbacks{.frame = [this, id](imsg::Frame& f) { return on_client_frame(id, f); },
                                 .broken = [this, id](std::string_view) { end_client(id); }});
    c.patience = std::make_unique<event::Timer>(loop_, [this, id] { on_impatient(id); });
    c.patience->set(kIdlePatience);
  }
  accept_->want(event::Watch::kNone);
}

// Clients wait in the socket's backlog until descriptors are free again.
void Control::pause_accepting() {
  log::warn("accept-paused").kv("text", errno_error("accept").text);
  accept_->want(event::Watch::kNone);
  resume_.set(kAcceptPause);
}

void Control::end_client(uint64_t id) {
  const auto it = clients_.find(id);
  if (it == clients_.end()) return;
  if (it->second.query != 0) queries_.erase(it->second.query);
  clients_.erase(it);
  set_following();
  if (accept_) accept_->want(event::Watch::kRead);
}

void Control::on_impatient(uint64_t id) {
  Client& c = clients_[id];
  if (c.gathering) {
    c.gathering->waiting.clear();
    c.gathering->waiting_for_queue = false;
    if (c.gathering->have_report) return finish_status(c);
  }
  if (c.query != 0) {
    refuse(c, "no answer from the server's other processes in time");
    c.patience->set(kIdlePatience);
  } else if (!c.follows) {
    loop_.defer([this, id] { end_client(id); });  // this callback belongs to what that destroys
  }
}

// Who is at the other end: root, the server's own uid, or the one that the configuration names.
bool Control::may_command(int fd, uint32_t& uid) const {
  struct ucred who {};
  socklen_t size = sizeof who;
  if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &size) != 0 || size != sizeof who) return false;
  uid = who.uid;
  return uid == 0 || uid == config_.uid || uid == ::geteuid();
}

bool Control::on_client_frame(uint64_t id, imsg::Frame& frame) {
  switch (frame.type) {
    case client::AskStatus::kType: return take_request(id, frame, &Control::ask_status);
    case client::AskReload::kType: return take_request(id, frame, &Control::ask_reload);
    case client::AskTable::kType: return take_request(id, frame, &Control::ask_table);
    case client::AskQueueSelect::kType: return take_request(id, frame, &Control::ask_queue_select);
    case client::AskQueueShow::kType: return take_request(id, frame, &Control::ask_queue_show);
    case client::AskLives::kType: return take_request(id, frame, &Control::ask_lives);
    case client::AskDestinations::kType: return take_request(id, frame, &Control::ask_destinations);
    case client::AskHops::kType: return take_request(id, frame, &Control::ask_hops);
    case client::AskDelivery::kType: return take_request(id, frame, &Control::ask_delivery);
    case client::AskTlsPolicy::kType: return take_request(id, frame, &Control::ask_tls_policy);
    case client::AskFollow::kType: return take_request(id, frame, &Control::ask_follow);
    default: return false;
  }
}

template <class M>
bool Control::take_request(uint64_t id, imsg::Frame& frame, void (Control::*handler)(uint64_t, Client&, M&&)) {
  M m;
  const auto it = clients_.find(id);
  if (it == clients_.end() || it->second.query != 0 || it->second.follows) return false;
  if (!frame.fds.empty() || !imsg::decode(frame.body, frame.fds, m)) return false;
  Client& c = it->second;
  uint32_t uid = UINT32_MAX;
  requests_++;
  if (!may_command(c.fd, uid)) {
    refused_++;
    log::warn("control-refused").kv("uid", uid).kv("request", M::kType);
    refuse(c, "permission denied: uid " + std::to_string(uid) + " may not command this server");
    return true;
  }
  c.asked = M::kType;
  (this->*handler)(id, c, std::move(m));
  return true;
}

uint32_t Control::begin(uint64_t id, Client& c) {
  do {
    last_query_++;
  } while (last_query_ == 0 || queries_.count(last_query_) != 0);
  c.query = last_query_;
  queries_[c.query] = id;
  c.patience->set(kAnswerPatience);
  return c.query;
}

void Control::refuse(Client& c, const std::string& why) {
  if (c.query != 0) queries_.erase(c.query);
  c.query = 0;
  c.gathering.reset();
  client::Refused m;
  m.text = why.substr(0, 300);
  c.channel->send(m);
}

Control::Client* Control::asker(uint32_t query, uint16_t asked) {
  const auto it = queries_.find(query);
  if (it == queries_.end()) return nullptr;
  Client& c = clients_[it->second];
  return c.asked == asked ? &c : nullptr;
}

template <class M>
void Control::pass_on(uint32_t query, uint16_t asked, M&& answer) {
  Client* c = asker(query, asked);
  if (c == nullptr) return;
  queries_.erase(c->query);
  c->query = 0;
  c->patience->set(kIdlePatience);
  c->channel->send(answer);
}

// --- status ----------------------------------------------------------------------------------------

void Control::ask_status(uint64_t id, Client& c, client::AskStatus&&) {
  const uint32_t query = begin(id, c);
  c.gathering.emplace();
  c.patience->set(kStatusPatience);
  parent::StatusQuery to_parent;
  to_parent.query = query;
  if (!peers_->send_parent(to_parent)) return refuse(c, "the parent is gone");
  for (const uint64_t k : workers_) {
    worker::StatsQuery q;
    q.query = query;
    if (peers_->send(peer_of(k), q)) c.gathering->waiting.insert(k);
  }
  queue::SelectQueue list;
  list.query = query;
  list.limit = 1;
  c.gathering->waiting_for_queue = peers_->send(kQueue, list);
}

void Control::on_status_report(PeerId, StatusReport&& m) {
  Client* c = asker(m.query, client::AskStatus::kType);
  if (c == nullptr || !c->gathering) return;
  c->gathering->status.report = std::move(m);
  c->gathering->have_report = true;
  finish_status(*c);
}

void Control::on_stats(PeerId from, worker::Stats&& m) {
  Client* c = asker(m.query, client::AskStatus::kType);
  if (c == nullptr || !c->gathering || c->gathering->waiting.erase(key(from)) == 0) return;
  client::Counters counters;
  counters.role = imsg::role_name(from.role);
  counters.instance = from.instance;
  counters.values = std::move(m.values);
  if (c->gathering->status.counters.size() < kMaxCounters) c->gathering->status.counters.push_back(std::move(counters));
  finish_status(*c);
}

void Control::finish_status(Client& c) {
  Gathering& g = *c.gathering;
  if (!g.have_report || !g.waiting.empty() || g.waiting_for_queue) return;
  client::Counters own;
  own.role = "control";
  own.values = stats();
  g.status.counters.push_back(std::move(own));
  const client::Status answer = std::move(g.status);
  c.gathering.reset();
  pass_on(c.query, client::AskStatus::kType, answer);
}

// --- reload, queue, log ----------------------------------------------------------------------------

void Control::ask_reload(uint64_t id, Client& c, client::AskReload&& ask) {
  parent::Reload m;
  m.tables_only = ask.tables_only;
  m.table = std::move(ask.table);
  m.query = begin(id, c);
  log::info("control-reload");
  if (!peers_->send_parent(m)) refuse(c, "the parent is gone");
}

void Control::on_reloaded(PeerId, Reloaded&& m) { pass_on(m.query, client::AskReload::kType, m); }

void Control::ask_queue_select(uint64_t id, Client& c, client::AskQueueSelect&& m) {
  queue::SelectQueue q = std::move(m.ask);
  q.query = begin(id, c);
  if (!peers_->send(kQueue, q)) refuse(c, "the queue is being restarted: try again");
}

void Control::on_queue_selected(PeerId, queue::QueueSelected&& m) {
  if (Client* c = asker(m.query, client::AskStatus::kType); c != nullptr && c->gathering) {
    c->gathering->waiting_for_queue = false;
    c->gathering->status.queue_known = true;
    c->gathering->status.queue_length = m.total;
    return finish_status(*c);
  }
  pass_on(m.query, client::AskQueueSelect::kType, m);
}

void Control::ask_queue_show(uint64_t id, Client& c, client::AskQueueShow&& m) {
  queue::ShowMessage q;
  q.query = begin(id, c);
  q.message = m.message;
  if (!peers_->send(kQueue, q)) refuse(c, "the queue is being restarted: try again");
}

void Control::on_message_shown(PeerId, queue::MessageShown&& m) { pass_on(m.query, client::AskQueueShow::kType, m); }

void Control::ask_lives(uint64_t id, Client& c, client::AskLives&& m) {
  queue::FindLives q = std::move(m.ask);
  q.query = begin(id, c);
  if (!peers_->send(kQueue, q)) refuse(c, "the queue is being restarted: try again");
}

void Control::on_lives(PeerId, queue::Lives&& m) { pass_on(m.query, client::AskLives::kType, m); }

void Control::ask_destinations(uint64_t id, Client& c, client::AskDestinations&& m) {
  queue::ListDestinations q = std::move(m.ask);
  q.query = begin(id, c);
  if (!peers_->send(kQueue, q)) refuse(c, "the queue is being restarted: try again");
}

void Control::on_destinations(PeerId, queue::Destinations&& m) { pass_on(m.query, client::AskDestinations::kType, m); }

void Control::ask_hops(uint64_t id, Client& c, client::AskHops&& m) {
  lookup::FindHops q;
  q.query = begin(id, c);
  q.name = std::move(m.name);
  q.is_host = m.is_host;
  if (!peers_->send(kLookup, q)) refuse(c, "the lookup process is being restarted: try again");
}

void Control::ask_table(uint64_t id, Client& c, client::AskTable&& m) {
  m.ask.query = begin(id, c);
  if (!peers_->send(kLookup, m.ask)) refuse(c, "the lookup process is being restarted: try again");
}

void Control::on_table_shown(PeerId, lookup::TableShown&& m) {
  pass_on(static_cast<uint32_t>(m.query), client::AskTable::kType, m);
}

void Control::on_hops(PeerId, lookup::Hops&& m) { pass_on(static_cast<uint32_t>(m.query), client::AskHops::kType, m); }

constexpr const char* kNoRelay = "no relay process: the configuration has no relay action, or it is being restarted";

void Control::ask_delivery(uint64_t id, Client& c, client::AskDelivery&&) {
  relay::ShowDelivery q;
  q.query = begin(id, c);
  if (!peers_->send(kRelay, q)) refuse(c, kNoRelay);
}

void Control::on_delivery(PeerId, relay::DeliveryShown&& m) { pass_on(m.query, client::AskDelivery::kType, m); }

void Control::ask_tls_policy(uint64_t id, Client& c, client::AskTlsPolicy&& m) {
  relay::ShowTlsPolicy q;
  q.query = begin(id, c);
  q.domain = std::move(m.domain);
  if (!peers_->send(kRelay, q)) refuse(c, kNoRelay);
}

void Control::on_tls_policy(PeerId, relay::TlsPolicyShown&& m) { pass_on(m.query, client::AskTlsPolicy::kType, m); }

void Control::ask_follow(uint64_t, Client& c, client::AskFollow&&) {
  c.follows = true;
  c.patience->cancel();
  set_following();
}

// The parent gathers the log of all processes only while somebody reads it.
void Control::set_following() {
  bool wanted = false;
  for (const auto& [id, c] : clients_) wanted = wanted || c.follows;
  if (wanted == following_) return;
  following_ = wanted;
  parent::Follow m;
  m.on = wanted;
  peers_->send_parent(m);
}

// Logs nothing: a line about a line would never end.
void Control::on_log_line(PeerId, worker::LogLine&& m) {
  client::Event event;
  event.text = std::move(m.text);
  for (auto& [id, c] : clients_) {
    if (!c.follows) continue;
    if (c.channel->congested()) {
      c.missed++;
      continue;
    }
    if (c.missed != 0) {
      client::Missed missed;
      missed.lines = std::exchange(c.missed, 0);
      c.channel->send(missed);
    }
    c.channel->send(event);
  }
}

}  // namespace mailkeep::control
