// The common life of a worker process: see worker.h.
// SPDX-License-Identifier: ISC
#include "lib/worker/worker.h"

#include <bsd/unistd.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/os/memory.h"
#include "lib/os/privilege.h"

namespace mailkeep::worker {

namespace {

using imsg::PeerId;
using imsg::Role;

[[noreturn]] void give_up(std::string_view what, std::string_view why) {
  log::error("worker-start").kv("step", what).kv("text", why);
  log::flush();
  _exit(1);
}

template <class M>
std::optional<M> take(imsg::Frame& frame) {
  M m;
  if (!imsg::decode(frame.body, frame.fds, m)) return std::nullopt;
  return m;
}

}  // namespace

Boot boot(Role role, int argc, char** argv, char** envp) {
  os::close_from(kParentFd + 1);
  signal(SIGPIPE, SIG_IGN);
  signal(SIGHUP, SIG_IGN);  // the operator's signals are the parent's
  signal(SIGINT, SIG_IGN);
  setproctitle_init(argc, argv, envp);
  auto frame = imsg::read_frame(kParentFd);
  Boot b;
  if (!frame || frame->type != Boot::kType || !imsg::decode(frame->body, frame->fds, b) || b.role != role) {
    static constexpr char kText[] = "This program is part of mailkeepd, which starts it; it cannot be run by hand.\n";
    if (write(STDERR_FILENO, kText, sizeof kText - 1) < 0) _exit(2);
    _exit(2);
  }
  if (!is_template(b)) begin(b);
  return b;
}

bool is_template(const Boot& boot) { return boot.role == Role::kUser && boot.account.empty(); }

void begin(const Boot& b) {
  if (fcntl(kParentFd, F_SETFD, FD_CLOEXEC) != 0 || fcntl(kParentFd, F_SETFL, O_NONBLOCK) != 0) {
    give_up("parent channel", errno_error("fcntl").text);
  }
  const std::string name(imsg::role_name(b.role));
  log::open(name, static_cast<log::Level>(b.log_level), b.log_stderr);
  if (b.role == Role::kUser) {
    setproctitle("-mailkeep: user %s", b.account.c_str());
  } else {
    setproctitle("-mailkeep: %s %u", name.c_str(), b.instance);
  }
  if (clearenv() != 0) give_up("environment", "clearenv failed");
#ifdef MAILKEEP_CAPTIVE
  captive::arm(b);
#endif
}

void confine_ids(Boot& boot) {
  if (!boot.root.empty()) {
    if (auto done = os::enter_root(boot.directory, boot.root, boot.uid); !done) give_up("chroot", done.error().text);
    boot.directory.reset();
  }
  if (auto done = os::drop_to(boot.uid, boot.gid); !done) give_up("drop", done.error().text);
}

void confine(Boot& boot, os::Profile profile, const std::vector<os::Allowed>& open) {
  confine_ids(boot);
  if (os::landlock_abi() == 0)
    log::warn("no-landlock").kv("text", "this kernel has none: uid, root and seccomp alone confine this process");
  const os::Tcp tcp = {profile == os::Profile::kRelay, {}};
  if (auto done = os::enter_landlock(open, false, tcp); !done) give_up("landlock", done.error().text);
  if (auto done = os::enter_seccomp(profile); !done) give_up("seccomp", done.error().text);
}

void Hooks::on_quit() {
  log::flush();
  _exit(0);
}

Peers::Peers(event::Loop& loop, Hooks& hooks, Dispatch dispatch, Fd parent)
    : loop_(loop), hooks_(hooks), dispatch_(std::move(dispatch)), started_(loop, os::release_start_up_memory) {
  add({Role::kParent, 0}, std::move(parent), "");
#ifdef MAILKEEP_CAPTIVE
  captive::serve(loop, *this);
#endif
}

#ifdef MAILKEEP_CAPTIVE
std::vector<PeerId> Peers::captive_peers() const {
  std::vector<PeerId> out;
  for (const auto& [k, channel] : channels_) out.push_back({static_cast<Role>(k >> 32), static_cast<uint32_t>(k)});
  return out;
}
#endif

imsg::Channel* Peers::find(PeerId peer) {
  const auto it = channels_.find(key(peer));
  return it == channels_.end() ? nullptr : it->second.get();
}

bool Peers::congested(PeerId peer) {
  imsg::Channel* c = find(peer);
  return c != nullptr && c->congested();
}

std::optional<PeerId> Peers::pick(Role role, uint64_t k) const {
  const auto first = channels_.lower_bound(static_cast<uint64_t>(role) << 32);
  const auto last = channels_.lower_bound((static_cast<uint64_t>(role) + 1) << 32);
  const auto n = static_cast<uint64_t>(std::distance(first, last));
  if (n == 0) return std::nullopt;
  const auto it = std::next(first, static_cast<std::ptrdiff_t>(k % n));
  return PeerId{role, static_cast<uint32_t>(it->first)};
}

void Peers::add(PeerId peer, Fd channel, const std::string& account) {
  if (find(peer) != nullptr) {  // restarted before we saw the end of the old one
    channels_.erase(key(peer));
    hooks_.on_peer_down(peer);
  }
  channels_[key(peer)] = std::make_unique<imsg::Channel>(
      loop_, std::move(channel),
      imsg::Channel::Callbacks{.frame = [this, peer](imsg::Frame& f) { return on_frame(peer, f); },
                               .broken = [this, peer](std::string_view why) { on_broken(peer, why); }});
  if (peer.role != Role::kParent) hooks_.on_peer_up(peer, account);
}

void Peers::flush(PeerId peer) {
  if (imsg::Channel* c = find(peer); c != nullptr) c->flush();
}

void Peers::drop(PeerId peer) { channels_.erase(key(peer)); }

bool Peers::on_frame(PeerId peer, imsg::Frame& frame) {
  bool known = false;
  if (peer.role == Role::kParent) {
    const bool good = on_parent_frame(frame, known);
    if (known) return good;
  }
  if (peer.role == Role::kControl && frame.type == StatsQuery::kType) {
    const auto q = take<StatsQuery>(frame);
    if (!q) return false;
    Stats s;
    s.query = q->query;
    s.values = hooks_.stats();
    return send(peer, s);
  }
  const bool good = dispatch_(peer, frame);
  return !std::exchange(condemned_, std::nullopt) && good;
}

void Peers::condemn(PeerId peer, std::string_view why) {
  log::error("peer-lied").kv("peer", imsg::role_name(peer.role)).kv("instance", peer.instance).kv("text", why);
  condemned_ = peer;
}

// `known` tells whether the message is one that all workers take.
bool Peers::on_parent_frame(imsg::Frame& frame, bool& known) {
  known = true;
  switch (frame.type) {
    case Wire::kType: {
      auto m = take<Wire>(frame);
      if (!m || !m->channel) return false;
      add({m->role, m->instance}, std::move(m->channel), m->account);
      return true;
    }
    case Prepare::kType: {
      const auto m = take<Prepare>(frame);
      if (!m) return false;
      Prepared answer;
      answer.generation = m->generation;
      const Status done = hooks_.on_prepare(m->generation);
      answer.ok = done.has_value();
      if (!done) answer.text = done.error().text.substr(0, kMaxErrorText);
      return send_parent(answer);
    }
    case Commit::kType: {
      const auto m = take<Commit>(frame);
      if (m) {
        hooks_.on_commit(m->generation);
        if (hooks_.releases_start_up()) started_.set(os::kStartUp);
      }
      return m.has_value();
    }
    case Abort::kType: {
      const auto m = take<Abort>(frame);
      if (m) hooks_.on_abort(m->generation);
      return m.has_value();
    }
    case Quit::kType: hooks_.on_quit(); return true;
    case Follow::kType: {
      const auto m = take<Follow>(frame);
      if (!m) return false;
      if (!m->on) {
        log::set_tap({});
        return true;
      }
      log::set_tap([this](std::string_view line) {
        LogLine out;
        out.text = line.substr(0, kMaxLogLine);
        send_parent(out);
      });
      return true;
    }
    default: known = false; return false;
  }
}

void Peers::on_broken(PeerId peer, std::string_view why) {
  if (peer.role == Role::kParent) {
    // Without the parent there is nobody to serve or to restart us. What was promised is on disk.
    log::warn("parent-gone").kv("text", why);
    log::flush();
    _exit(1);
  }
  const std::string text(why);
  channels_.erase(key(peer));
  if (text != imsg::kEndOfFile) {
    log::error("peer-misbehaved").kv("peer", imsg::role_name(peer.role)).kv("instance", peer.instance).kv("text", text);
    Misbehaved m;
    m.role = peer.role;
    m.instance = peer.instance;
    m.text = text.substr(0, kMaxErrorText);
    send_parent(m);
  }
  hooks_.on_peer_down(peer);
}

}  // namespace mailkeep::worker
