// The parent's life with its workers: see parent.h.
// SPDX-License-Identifier: ISC
#include "smtpd/parent/parent.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

#include "lib/base/text.h"
#include "lib/log/log.h"
#include "lib/os/memory.h"
#include "smtpd/parent/notify.h"
#include "smtpd/parent/slot.h"

namespace mailkeep::parent {

using imsg::PeerId;
using imsg::Role;

namespace {
constexpr Micros kFirstBackoff = Millis(50);
constexpr Micros kMaxBackoff = Seconds(10);
constexpr Micros kGoodLife = Seconds(10);  // a worker that lived this long starts again at once
// How often a process that strangers talk to is believed when it accuses its peers of one role. It may be the one that
// has been taken over; then it goes, and a fresh one takes its place.
constexpr size_t kMaxAccusations = 3;
constexpr Micros kAccusationsPer = Seconds(60);
constexpr Micros kQuitLimit = Seconds(4);  // CONTRACT: SIGTERM ends all in 5 seconds

// Empty when there is no descriptor left: who gets it says so.
Fd duplicate(const Fd& fd) { return Fd(fcntl(fd.get(), F_DUPFD_CLOEXEC, 3)); }
}  // namespace

Parent::Parent(event::Loop& loop, Settings settings, std::unique_ptr<Generation> first, Identities ids,
               StatePaths paths, Libexec libexec)
    : loop_(loop),
      settings_(std::move(settings)),
      ids_(ids),
      paths_(std::move(paths)),
      libexec_(std::move(libexec)),
      current_(std::move(first)),
      on_hup_(loop, SIGHUP, [this] { reload(std::nullopt); }),
      on_term_(loop, SIGTERM, [this] { quit(); }),
      on_int_(loop, SIGINT, [this] { quit(); }),
      on_chld_(loop, SIGCHLD, [this] { on_child(); }),
      quit_limit_(loop,
                  [this] {
                    log::error("quit-late");
                    users_->kill_all();
                    for (auto& [key, slot] : slots_) {
                      if (slot->pid > 0) kill(slot->pid, SIGKILL);
                    }
                  }),
      start_up_(loop, os::release_start_up_memory) {
  for (size_t i = 1; i < imsg::kRoles; i++) {
    const auto role = static_cast<Role>(i);
    routes_.add(role, &Parent::on_prepared);
    routes_.add(role, &Parent::on_misbehaved);
    routes_.add(role, &Parent::on_log_line);
  }
  routes_.add(Role::kQueue, &Parent::on_need_user);
  routes_.add(Role::kAuth, &Parent::on_vouch);
  routes_.add(Role::kAuth, &Parent::on_who_is);
  routes_.add(Role::kImapd, &Parent::on_present);
  routes_.add(Role::kRelay, &Parent::on_open_socket);
  routes_.add(Role::kControl, &Parent::on_reload);
  routes_.add(Role::kControl, &Parent::on_status);
  routes_.add(Role::kControl, &Parent::on_follow);
  users_ = std::make_unique<Users>(loop_, environment());
  started_ = now_unix();
}

Parent::~Parent() = default;

Users::Environment Parent::environment() {
  Users::Environment env;
  env.generation = [this]() -> const Generation& { return *current_; };
  env.listeners = [this]() -> const Listeners& { return sockets_; };
  env.libexec = &libexec_;
  env.boot = [this] {
    worker::Boot boot;
    boot.log_level = log_level_number(current_->config.options.log_level);
    boot.log_stderr = settings_.foreground;
    boot.directory = duplicate(mail_directory_);
    boot.extra_gid = ids_.mail_group;
    return boot;
  };
  env.wire_queue = [this](Fd channel, uint32_t instance, const std::string& account) {
    worker::Wire w;
    w.role = Role::kUser;
    w.instance = instance;
    w.account = account;
    w.channel = std::move(channel);
    return tell({Role::kQueue, 0}, w);
  };
  env.tell_queue = [this](const queue::UserFailed& m) { tell({Role::kQueue, 0}, m); };
  env.tell_imapd = [this](PeerId imapd, const imapd::Presented& m) { tell(imapd, m); };
  env.log_line = [this](const worker::LogLine& m) { pass_log_line(m); };
  env.is_worker_uid = [this](uid_t uid) {
    return std::any_of(ids_.of.begin(), ids_.of.end(),
                       [uid](const Identity& who) { return who.uid != 0 && who.uid == uid; });
  };
  env.condemn = [this](PeerId imapd, std::string_view why) { condemn(imapd, why); };
  return env;
}

Parent::Slot* Parent::find(PeerId peer) {
  const auto it = slots_.find({peer.role, peer.instance});
  return it == slots_.end() ? nullptr : it->second.get();
}

mailkeep::Status Parent::open() {
  for (auto& [path, fd] : {std::pair{&paths_.mail, &mail_directory_},
                           {&paths_.spool, &spool_directory_},
                           {&paths_.empty, &empty_directory_}}) {
    fd->reset(::open(path->c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
    if (!*fd) return errno_error("open " + *path);
  }
  auto bound = sockets_.bind(current_->config);
  if (!bound) return bound.error();
  current_->listeners = std::move(*bound);
  auto control = listen_unix(current_->config.control_path(), 0660, 0, ids_[Role::kControl].gid);
  if (!control) return Error("control socket: " + control.error().text);
  control_socket_ = std::move(*control);
  return {};
}

void Parent::start() { start_missing(); }

void Parent::start_missing() {
  for (size_t i = 1; i < imsg::kRoles; i++) {
    const auto role = static_cast<Role>(i);
    for (uint32_t n = 0; n < workers_of(role, current_->config); n++) {
      auto& slot = slots_[{role, n}];
      if (slot) continue;
      const Key key{role, n};
      slot = std::make_unique<Slot>(loop_, [this, key] {
        const auto it = slots_.find(key);
        if (it != slots_.end() && !quitting_) start_slot(*it->second);
      });
      slot->id = {role, n};
      start_slot(*slot);
    }
  }
}

mailkeep::Status Parent::send_config(Slot& slot, const Generation& g) {
  if (slot.id.role == Role::kControl) {
    control::Config m;
    m.generation = g.number;
    m.path = g.config.control_path();
    m.socket = duplicate(control_socket_);
    m.uid = ids_[Role::kControl].uid;
    slot.channel->send(m);
  }
  if (auto done = send_slice(*slot.channel, slot.id.role, g, sockets_); !done) return done;
  worker::Prepare prepare;
  prepare.generation = g.number;
  slot.channel->send(prepare);
  return {};
}

void Parent::start_slot(Slot& slot) {
  worker::Boot boot;
  boot.role = slot.id.role;
  boot.instance = slot.id.instance;
  const Identity& who = ids_[slot.id.role];
  boot.uid = who.uid;
  boot.gid = who.gid;
  boot.log_level = log_level_number(current_->config.options.log_level);
  boot.log_stderr = settings_.foreground;
  if (slot.id.role == Role::kQueue) {
    boot.root = paths_.spool;
    boot.directory = duplicate(spool_directory_);
  } else if (slot.id.role != Role::kPam && slot.id.role != Role::kAuth && slot.id.role != Role::kLookup) {
    boot.root = paths_.empty;  // auth and lookup are held by Landlock instead
    boot.directory = duplicate(empty_directory_);
  }
  slot.started = now_monotonic();
  slot.started_unix = now_unix();
  const auto again = [&slot](const std::string& why) {
    log::error("worker-start").kv("role", imsg::role_name(slot.id.role)).kv("text", why);
    slot.backoff = std::clamp(slot.backoff * 2, kFirstBackoff, kMaxBackoff);
    slot.restart.set(slot.backoff);
  };
  auto started = start_worker(libexec_, boot);
  if (!started) return again(started.error().text);
  slot.pid = started->pid;
  by_pid_[slot.pid] = {slot.id.role, slot.id.instance};
  const PeerId id = slot.id;
  slot.channel = std::make_unique<imsg::Channel>(
      loop_, std::move(started->channel),
      imsg::Channel::Callbacks{.frame = [this, id](imsg::Frame& f) { return on_frame(id, f); },
                               .broken = [this, id](std::string_view why) { on_broken(id, why); }});
  log::info("worker-start")
      .kv("role", imsg::role_name(id.role))
      .kv("instance", id.instance)
      .kv("pid", slot.pid)
      .kv("uid", boot.uid);
  if (auto sent = send_config(slot, *current_); !sent) {
    log::error("worker-config").kv("role", imsg::role_name(id.role)).kv("text", sent.error().text);
    kill(slot.pid, SIGKILL);
  }
}

bool Parent::on_frame(PeerId peer, imsg::Frame& frame) { return routes_.dispatch(*this, peer, frame); }

void Parent::on_broken(PeerId peer, std::string_view why) {
  Slot* slot = find(peer);
  if (slot == nullptr) return;
  slot->ready = false;
  slot->channel.reset();
  if (slot->pid <= 0) return;
  if (why != imsg::kEndOfFile) log::error("worker-misbehaved").kv("role", imsg::role_name(peer.role)).kv("text", why);
  kill(slot->pid, SIGKILL);
}

void Parent::on_child() {
  for (;;) {
    int status = 0;
    const pid_t pid = waitpid(-1, &status, WNOHANG);
    if (pid <= 0) break;
    reaped(pid, status);
  }
  if (quitting_ && all_gone()) loop_.stop();
}

void Parent::reaped(pid_t pid, int status) {
  if (users_->reaped(pid, status)) return;
  const auto it = by_pid_.find(pid);
  if (it == by_pid_.end()) return;
  const Key key = it->second;
  by_pid_.erase(it);
  Slot& slot = *slots_[key];
  slot.pid = -1;
  slot.ready = false;
  slot.channel.reset();
  slot.accusations.clear();
  if (slot.id.role == Role::kControl) set_following(false);  // the new one will say whether somebody listens
  const std::string_view role = imsg::role_name(slot.id.role);
  if (quitting_ || slot.retiring) {
    log::info("worker-end").kv("role", role).kv("pid", pid);
    if (slot.retiring) slots_.erase(key);
    return;
  }
  auto line = log::error("worker-died");
  line.kv("role", role).kv("instance", std::to_string(slot.id.instance)).kv("pid", std::to_string(pid));
  line.kv(WIFSIGNALED(status) ? "signal" : "status",
          std::to_string(WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status)));
  if (reloading_) finish_reload("a " + std::string(role) + " process died while it checked the new configuration");
  slot.restarts++;
  const bool good = now_monotonic() - slot.started >= kGoodLife;
  slot.backoff = good ? Micros(0) : std::clamp(slot.backoff * 2, kFirstBackoff, kMaxBackoff);
  slot.restart.set(slot.backoff);
}

// False: not now. One of the two must be started again, for nothing else would lead to another try.
bool Parent::wire(Slot& a, Slot& b) {
  auto pair = make_pair();
  if (!pair) {
    log::error("wire").kv("text", pair.error().text);
    return false;
  }
  worker::Wire to_a, to_b;
  to_a.role = b.id.role;
  to_a.instance = b.id.instance;
  to_a.channel = std::move(pair->first);
  to_b.role = a.id.role;
  to_b.instance = a.id.instance;
  to_b.channel = std::move(pair->second);
  a.channel->send(to_a);
  b.channel->send(to_b);
  return true;
}

void Parent::on_ready(Slot& slot) {
  worker::Commit commit;
  commit.generation = current_->number;
  slot.channel->send(commit);
  if (following_ && slot.id.role != Role::kControl) {
    worker::Follow f;
    f.on = true;
    slot.channel->send(f);
  }
  slot.ready = true;
  for (auto& [key, other] : slots_) {
    if (other.get() == &slot || !other->ready || !are_peers(slot.id.role, key.first)) continue;
    if (!wire(slot, *other)) {
      kill(slot.pid, SIGKILL);
      return;
    }
  }
  maybe_announce();
}

void Parent::maybe_announce() {
  if (announced_) return;
  for (auto& [key, slot] : slots_) {
    if (!slot->ready) return;
  }
  announced_ = true;
  start_up_.set(os::kStartUp);
  log::info("ready").kv("version", MAILKEEP_VERSION).kv("listeners", current_->listeners.size()).kv("pid", getpid());
  notify_systemd("READY=1");
}

void Parent::on_prepared(PeerId peer, worker::Prepared&& m) {
  Slot* slot = find(peer);
  if (slot == nullptr) return;
  if (reloading_ && m.generation == reloading_->next->number) {
    if (!m.ok) return finish_reload(m.text);
    reloading_->answered[{peer.role, peer.instance}] = true;
    for (const auto& [key, done] : reloading_->answered) {
      if (!done) return;
    }
    return commit_reload();
  }
  if (m.generation != current_->number) return;
  if (m.ok) {
    if (!slot->ready) on_ready(*slot);
    return;
  }
  log::error("worker-config").kv("role", imsg::role_name(peer.role)).kv("text", m.text);
  if (!announced_) {  // a configuration that never worked: say so and stop, rather than try for ever
    log::error("start-failed").kv("text", m.text);
    has_failed_ = true;
    return quit();
  }
  kill(slot->pid, SIGKILL);
}

void Parent::on_misbehaved(PeerId peer, worker::Misbehaved&& m) {
  log::error("worker-misbehaved")
      .kv("role", imsg::role_name(m.role))
      .kv("instance", m.instance)
      .kv("told-by", imsg::role_name(peer.role))
      .kv("text", m.text);
  if (m.role == Role::kUser) {
    if (peer.role == Role::kQueue) users_->misbehaved(m.instance);
    return;
  }
  Slot* slot = find({m.role, m.instance});
  Slot* accuser = find(peer);
  if (slot == nullptr || accuser == nullptr || slot->pid <= 0 || !are_peers(peer.role, m.role)) return;
  if (!may_accuse(*accuser, m.role)) return condemn(peer, "accuses its peers too often");
  kill(slot->pid, SIGKILL);
}

bool Parent::may_accuse(Slot& accuser, Role accused) {
  const Role role = accuser.id.role;
  if (role != Role::kSmtpd && role != Role::kLmtpd && role != Role::kImapd && role != Role::kTls) return true;
  auto& times = accuser.accusations[accused];
  const Micros now = now_monotonic();
  std::erase_if(times, [now](Micros at) { return now - at > kAccusationsPer; });
  times.push_back(now);
  return times.size() <= kMaxAccusations;
}

void Parent::condemn(PeerId peer, std::string_view why) {
  log::error("worker-misbehaved")
      .kv("role", imsg::role_name(peer.role))
      .kv("instance", peer.instance)
      .kv("told-by", "parent")
      .kv("text", why);
  Slot* slot = find(peer);
  if (slot != nullptr && slot->pid > 0) kill(slot->pid, SIGKILL);
}

void Parent::quit() {
  if (quitting_) return;
  quitting_ = true;
  log::info("stopping").kv("pid", getpid());
  notify_systemd("STOPPING=1");
  if (reloading_) finish_reload("the server is stopping");
  users_->quit();
  for (auto& [key, slot] : slots_) {
    slot->restart.cancel();
    if (slot->channel) {
      slot->channel->send(worker::Quit{});
    } else if (slot->pid > 0) {
      kill(slot->pid, SIGKILL);
    }
  }
  quit_limit_.set(kQuitLimit);
  if (all_gone()) loop_.stop();
}

bool Parent::all_gone() const {
  return users_->empty() && std::all_of(slots_.begin(), slots_.end(), [](const auto& s) { return s.second->pid <= 0; });
}

}  // namespace mailkeep::parent
