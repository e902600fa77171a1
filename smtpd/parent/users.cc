// The `user` processes and the tickets of logins: see users.h.
// SPDX-License-Identifier: ISC
#include "smtpd/parent/users.h"

#include <signal.h>
#include <sys/wait.h>

#include <algorithm>

#include "lib/base/text.h"
#include "lib/log/log.h"
#include "lib/os/peer.h"

namespace mailkeep::parent {

namespace {
constexpr Micros kTicketLife = Seconds(30);
constexpr Micros kEarlyLife = Seconds(2);  // a Present may overtake its Vouch, but not by long
constexpr Micros kSweepEvery = Seconds(1);
constexpr Micros kStartLimit = Seconds(30);
constexpr size_t kMaxTickets = 10000;
constexpr size_t kMaxEarly = 256;  // Presents that wait for their Vouch; each holds a descriptor
constexpr size_t kMaxText = 300;   // of a reason, for another process
constexpr size_t kMaxUsers = 20000;
constexpr size_t kMaxWaiting = 100;  // connections waiting for one account's process to start

int64_t status_code(int status) { return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status); }
}  // namespace

struct Users::Slot {
  std::string account;
  uint32_t instance = 0;
  pid_t pid = -1;
  uid_t uid = 0;
  std::vector<worker::BootPlace> places;  // which it can reach
  std::unique_ptr<imsg::Channel> channel;
  bool ready = false;
  bool ending = false;
  bool dead = false;  // channel broken: wait for SIGCHLD
  bool queue_waits = false;
  uint64_t sent = 0;  // messages that count for Idle
  uint32_t sessions = 0;
  bool idle = false;
  Micros idle_since{0};
  Micros started{0};
  int64_t started_unix = 0;
  std::deque<std::pair<imsg::PeerId, Present>> presents;
};

struct Users::Early {
  imsg::PeerId imapd;
  Present request;
  Micros until;
};

Users::Users(event::Loop& loop, Environment environment)
    : loop_(loop), env_(std::move(environment)), template_(*env_.libexec), sweep_(loop, [this] { sweep(); }) {
  sweep_.set(kSweepEvery);
}

Users::~Users() = default;

Users::Slot* Users::find(const std::string& account) {
  const auto it = slots_.find(account);
  return it == slots_.end() ? nullptr : it->second.get();
}

// A process for the account: forked by the template where that saves something and goes well, else by exec.
Result<Started> Users::start(uint32_t instance, const std::string& account, const AccountIds& ids) {
  const auto boot = [&] {
    worker::Boot b = env_.boot();
    b.role = imsg::Role::kUser;
    b.instance = instance;
    b.uid = ids.uid;
    b.gid = ids.gid;
    b.account = account;
    b.home = ids.home;
    b.places = places_of(env_.generation().config);
    return b;
  };
  // What the template forks cannot go where it itself may not.
  if (places_of(env_.generation().config).empty() && template_.is_worth_it()) {
    worker::Boot own = env_.boot();
    own.role = imsg::Role::kUser;
    auto forked = template_.start(std::move(own), boot());
    if (forked) return forked;
    log::warn("template").kv("account", account).kv("text", forked.error().text);
  }
  return start_worker(*env_.libexec, boot());
}

// The account's process, started if need be. Null: why not, and whether trying again is useless.
Users::Slot* Users::obtain(const std::string& account, std::string& why, bool& permanent) {
  permanent = false;
  if (Slot* slot = find(account)) return slot;
  if (quitting_ || slots_.size() >= kMaxUsers) {
    why = quitting_ ? "the server is stopping" : "too many user processes";
    return nullptr;
  }
  const auto ids = env_.generation().accounts.find(account);
  if (!ids) {
    why = "no such account";
    permanent = true;
    return nullptr;
  }
  if (env_.is_worker_uid(ids->uid)) {  // the account's process would be one of the worker's own, for the kernel
    why = "this account's uid belongs to the server itself";
    log::error("user-start").kv("account", account).kv("uid", ids->uid).kv("text", why);
    return nullptr;
  }
  auto slot = std::make_unique<Slot>();
  slot->instance = next_instance_++;
  auto started = start(slot->instance, account, *ids);
  if (!started) {
    why = started.error().text;
    log::error("user-start").kv("account", account).kv("text", why);
    return nullptr;
  }
  slot->account = account;
  slot->pid = started->pid;
  slot->uid = ids->uid;
  slot->places = places_of(env_.generation().config);
  slot->started = now_monotonic();
  slot->started_unix = now_unix();
  const uint32_t instance = slot->instance;
  slot->channel = std::make_unique<imsg::Channel>(
      loop_, std::move(started->channel),
      imsg::Channel::Callbacks{.frame = [this, instance](imsg::Frame& f) { return on_frame(instance, f); },
                               .broken =
                                   [this, instance](std::string_view reason) {
                                     const auto it = by_instance_.find(instance);
                                     Slot* s = it == by_instance_.end() ? nullptr : find(it->second);
                                     if (s == nullptr) return;
                                     s->dead = true;
                                     if (reason != imsg::kEndOfFile)
                                       log::error("user-misbehaved").kv("account", s->account).kv("text", reason);
                                     kill(s->pid, SIGKILL);  // one that only closes its channel must go too
                                   }});
  by_instance_[instance] = account;
  by_pid_[slot->pid] = instance;
  if (auto sent = send_slice(*slot->channel, imsg::Role::kUser, env_.generation(), env_.listeners()); !sent) {
    fatal("user slice: " + sent.error().text);
  }
  worker::Prepare prepare;
  prepare.generation = env_.generation().number;
  slot->channel->send(prepare);
  log::info("user-start").kv("account", account).kv("pid", slot->pid).kv("uid", ids->uid);
  starting_++;
  return (slots_[account] = std::move(slot)).get();
}

bool Users::on_frame(uint32_t instance, imsg::Frame& frame) {
  const auto it = by_instance_.find(instance);
  Slot* slot = it == by_instance_.end() ? nullptr : find(it->second);
  if (slot == nullptr) return false;
  if (slot->ending && frame.type != worker::LogLine::kType) {  // it found work after all
    slot->ending = false;
    serve_waiting(*slot);
  }
  switch (frame.type) {
    case worker::Prepared::kType: {
      worker::Prepared m;
      if (!imsg::decode(frame.body, frame.fds, m)) return false;
      if (!m.ok) {
        log::error("user-start").kv("account", slot->account).kv("text", m.text);
        return false;
      }
      if (!slot->ready) on_ready(*slot);
      return true;
    }
    case user::Idle::kType: {
      user::Idle m;
      if (!imsg::decode(frame.body, frame.fds, m)) return false;
      slot->idle = m.received == slot->sent && slot->sessions == 0;
      slot->idle_since = now_monotonic();
      return true;
    }
    case user::Sessions::kType: {
      user::Sessions m;
      if (!imsg::decode(frame.body, frame.fds, m)) return false;
      slot->sessions = m.count;
      if (m.count > 0) slot->idle = false;
      return true;
    }
    case worker::LogLine::kType: {
      worker::LogLine m;
      if (!imsg::decode(frame.body, frame.fds, m)) return false;
      env_.log_line(m);
      return true;
    }
    case worker::Misbehaved::kType: {
      worker::Misbehaved m;  // only the queue is its peer; the log has the story, and the queue survives
      return imsg::decode(frame.body, frame.fds, m);
    }
    default: return false;
  }
}

void Users::on_ready(Slot& slot) {
  worker::Commit commit;
  commit.generation = env_.generation().number;
  slot.channel->send(commit);
  if (following_) {
    worker::Follow f;
    f.on = true;
    slot.channel->send(f);
  }
  slot.ready = true;
  starting_--;
  serve_waiting(slot);
  start_waiting();
}

void Users::serve_waiting(Slot& slot) {
  if (!slot.ready || slot.ending || slot.dead) return;
  if (slot.queue_waits) wire(slot);
  while (!slot.presents.empty()) {
    auto [imapd, request] = std::move(slot.presents.front());
    slot.presents.pop_front();
    attach(slot, imapd, std::move(request));
  }
}

void Users::wire(Slot& slot) {
  slot.queue_waits = false;
  slot.idle = false;
  auto pair = make_pair();
  if (!pair) {
    queue::UserFailed f;
    f.account = slot.account;
    f.text = pair.error().text.substr(0, kMaxText);
    return env_.tell_queue(f);
  }
  worker::Wire w;
  w.role = imsg::Role::kQueue;
  w.channel = std::move(pair->second);
  if (!env_.wire_queue(std::move(pair->first), slot.instance, slot.account)) return;
  slot.channel->send(w);
}

// A thousand accounts may have mail at once. Were all their processes started together, none would be ready for long,
// and kStartLimit would end them. A client that has logged in does not wait here.
void Users::need(const std::string& account) {
  if (starting_ >= kStartsAtOnce && find(account) == nullptr && !quitting_ && wanted_.size() < kMaxUsers) {
    if (is_wanted_.insert(account).second) wanted_.push_back(account);
    return;
  }
  std::string why;
  bool permanent = false;
  Slot* slot = obtain(account, why, permanent);
  if (slot == nullptr) {
    queue::UserFailed f;
    f.account = account;
    f.permanent = permanent;
    f.text = why.substr(0, kMaxText);
    return env_.tell_queue(f);
  }
  slot->queue_waits = true;
  serve_waiting(*slot);
}

void Users::start_waiting() {
  while (starting_ < kStartsAtOnce && !wanted_.empty() && !quitting_) {
    const std::string account = std::move(wanted_.front());
    wanted_.pop_front();
    is_wanted_.erase(account);
    need(account);
  }
}

void Users::vouch(Vouch&& ticket) {
  if (tickets_.size() >= kMaxTickets) {
    log::error("tickets-full").kv("account", ticket.account);
    return;
  }
  const auto id = std::make_pair(ticket.ticket_high, ticket.ticket_low);
  tickets_[id] = {std::move(ticket), now_monotonic() + kTicketLife};
  for (auto it = early_.begin(); it != early_.end(); ++it) {
    if (std::make_pair((*it)->request.ticket_high, (*it)->request.ticket_low) != id) continue;
    auto e = std::move(*it);
    early_.erase(it);
    return present(e->imapd, std::move(e->request));
  }
}

void Users::refuse(imsg::PeerId imapd, uint64_t session, const std::string& text) {
  imapd::Presented m;
  m.session = session;
  m.text = text.substr(0, kMaxText);
  env_.tell_imapd(imapd, m);
}

void Users::present(imsg::PeerId imapd, Present&& request) {
  if (request.connection && !os::is_stream_socket(request.connection.get()))
    return env_.condemn(imapd, "presents what is no connection");
  const auto it = tickets_.find({request.ticket_high, request.ticket_low});
  if (it == tickets_.end()) {
    if (early_.size() >= kMaxEarly) return refuse(imapd, request.session, "too many logins at once");
    early_.push_back(std::make_unique<Early>(Early{imapd, std::move(request), now_monotonic() + kEarlyLife}));
    return;
  }
  const std::string account = it->second.vouch.account;
  const bool mine = it->second.vouch.imapd == imapd.instance && it->second.until > now_monotonic();
  tickets_.erase(it);
  if (!mine || !request.connection) {
    log::error("ticket-refused").kv("account", account).kv("instance", imapd.instance);
    return refuse(imapd, request.session, "login expired");
  }
  std::string why;
  bool permanent = false;
  Slot* slot = obtain(account, why, permanent);
  if (slot == nullptr) return refuse(imapd, request.session, why);
  if (slot->presents.size() >= kMaxWaiting)
    return refuse(imapd, request.session, "too many logins of this account at once");
  slot->presents.emplace_back(imapd, std::move(request));
  serve_waiting(*slot);
}

void Users::attach(Slot& slot, imsg::PeerId imapd, Present&& request) {
  user::Attach m;
  m.session = request.session;
  m.service = request.service == 1 ? user::Service::kSieve : user::Service::kImap;
  m.tls = request.tls;
  m.source = request.source;
  m.tag = request.tag;
  m.pending = std::move(request.pending);
  m.connection = std::move(request.connection);
  slot.channel->send(m);
  slot.sent++;
  slot.idle = false;
  imapd::Presented answer;
  answer.session = request.session;
  answer.ok = true;
  env_.tell_imapd(imapd, answer);
}

bool Users::reaped(pid_t pid, int status) {
  if (template_.reaped(pid, status)) return true;
  const auto it = by_pid_.find(pid);
  if (it == by_pid_.end()) return false;
  const std::string account = by_instance_[it->second];
  by_instance_.erase(it->second);
  by_pid_.erase(it);
  auto node = slots_.extract(account);
  Slot& slot = *node.mapped();
  const bool wanted = slot.ending || quitting_;
  auto line = wanted && status == 0 ? log::info("user-end") : log::error("user-died");
  line.kv("account", account).kv("pid", std::to_string(pid)).kv("status", std::to_string(status_code(status)));
  if (slot.ready) {  // it worked once: whoever waits gets a fresh one
    if (slot.queue_waits) need(account);
    for (auto& [imapd, request] : slot.presents) {
      std::string why;
      bool permanent = false;
      Slot* fresh = obtain(account, why, permanent);
      if (fresh == nullptr) {
        refuse(imapd, request.session, why);
      } else {
        fresh->presents.emplace_back(imapd, std::move(request));
      }
    }
    return true;
  }
  if (slot.queue_waits) {
    queue::UserFailed f;
    f.account = account;
    f.text = "the mailbox could not be opened";
    env_.tell_queue(f);
  }
  for (auto& [imapd, request] : slot.presents) refuse(imapd, request.session, "the mailbox could not be opened");
  starting_--;
  start_waiting();
  return true;
}

// Once a second: tickets and early presents that expired, processes that idle too long or that are too many.
void Users::sweep() {
  const Micros now = now_monotonic();
  std::erase_if(tickets_, [now](const auto& t) { return t.second.until <= now; });
  for (size_t i = 0; i < early_.size();) {
    if (early_[i]->until > now) {
      i++;
      continue;
    }
    refuse(early_[i]->imapd, early_[i]->request.session, "login expired");
    early_.erase(early_.begin() + static_cast<std::ptrdiff_t>(i));
  }
  const auto& options = env_.generation().config.options;
  std::vector<Slot*> idle;
  for (auto& [account, slot] : slots_) {
    if (slot->ready && slot->idle && !slot->ending && !slot->dead) idle.push_back(slot.get());
    if (!slot->ready && now - slot->started > kStartLimit) kill(slot->pid, SIGKILL);
  }
  std::sort(idle.begin(), idle.end(), [](const Slot* a, const Slot* b) { return a->idle_since < b->idle_since; });
  size_t left = idle.size();
  for (Slot* slot : idle) {
    if (now - slot->idle_since < Micros(options.user_idle) && left <= options.max_idle_users) break;
    user::MayEnd m;
    m.received = slot->sent;
    slot->channel->send(m);
    slot->ending = true;
    left--;
  }
  template_.sweep();
  sweep_.set(kSweepEvery);
}

void Users::follow(bool on) {
  following_ = on;
  worker::Follow f;
  f.on = on;
  for (auto& [account, slot] : slots_) {
    if (slot->ready) slot->channel->send(f);
  }
}

void Users::reconfigure() {
  const auto places = places_of(env_.generation().config);
  for (auto& [account, slot] : slots_) {
    if (slot->places != places && !slot->dead) {  // what it can reach it has opened: it starts again, its clients too
      slot->channel->send(worker::Quit{});
      slot->ending = true;
      continue;
    }
    if (!slot->ready) continue;  // it is told with its first Commit: same slice shape, newer numbers at its next start
    if (auto sent = send_slice(*slot->channel, imsg::Role::kUser, env_.generation(), env_.listeners()); !sent) {
      fatal("user slice: " + sent.error().text);
    }
    worker::Prepare prepare;
    prepare.generation = env_.generation().number;
    slot->channel->send(prepare);
    worker::Commit commit;
    commit.generation = env_.generation().number;
    slot->channel->send(commit);
  }
}

void Users::quit() {
  quitting_ = true;
  template_.end();
  for (auto& [account, slot] : slots_) slot->channel->send(worker::Quit{});
}

void Users::kill_all() {
  template_.kill_it();
  for (auto& [account, slot] : slots_) kill(slot->pid, SIGKILL);
}

bool Users::misbehaved(uint32_t instance) {
  const auto it = by_instance_.find(instance);
  Slot* slot = it == by_instance_.end() ? nullptr : find(it->second);
  if (slot != nullptr) kill(slot->pid, SIGKILL);
  return slot != nullptr;
}

void Users::report(control::StatusReport& out) const {
  template_.report(out);
  for (const auto& [account, slot] : slots_) {
    if (out.processes.size() >= 1900) {
      out.omitted++;
      continue;
    }
    control::ProcessInfo p;
    p.role = "user";
    p.instance = slot->instance;
    p.account = account;
    p.pid = static_cast<uint32_t>(slot->pid);
    p.uid = slot->uid;
    p.started = slot->started_unix;
    p.sessions = slot->sessions;
    out.processes.push_back(std::move(p));
  }
}

}  // namespace mailkeep::parent
