// The common life of a worker process. A role's main has these paragraphs, in this order:
//
//   int main(int argc, char** argv, char** envp) {
//     auto boot = worker::boot(imsg::Role::kSmtpd, argc, argv, envp);   // still root; channel on descriptor 3
//     ... open what needs root ...
//     worker::confine(boot, os::Profile::kReceive);                     // chroot, drop, no_new_privs, seccomp
//     event::Loop loop;
//     Smtpd smtpd(loop);
//     worker::Worker<Smtpd> worker(loop, smtpd, smtpd_routes());
//     smtpd.set_worker(&worker)  (or the role holds the Worker itself)
//     loop.run();
//   }
// SPDX-License-Identifier: ISC
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "lib/event/loop.h"
#include "lib/log/log.h"
#include "lib/os/sandbox.h"
#include "lib/worker/messages.h"

namespace mailkeep::worker {

constexpr int kParentFd = 3;

// Reads Boot from descriptor 3, sets the title ("mailkeep: smtpd 0", "mailkeep: user alice"), opens the log, ignores
// SIGPIPE, closes every descriptor above 3. Ends the process if it was not started by mailkeepd.
Boot boot(imsg::Role role, int argc, char** argv, char** envp);

// A `user` process without an account is the template of the others (lmtpd/user/template.h): boot() has only read its
// Boot. Each process that it forks calls begin() with its own, which does the rest.
bool is_template(const Boot& boot);
void begin(const Boot& boot);

// chroot (if Boot names a root), drop to Boot's uid and gid, no_new_privs, Landlock (nothing but `open` of the file
// system; no TCP, no signals, no abstract sockets: as far as the kernel knows them), seccomp. Failure ends the process.
void confine(Boot& boot, os::Profile profile, const std::vector<os::Allowed>& open = {});
// The same without Landlock and seccomp: for a role that learns later what it must be able to open.
void confine_ids(Boot& boot);

// What a role may override. The order at start: configuration messages, on_prepare, on_commit, peers come up.
class Hooks {
 public:
  virtual ~Hooks() = default;
  virtual Status on_prepare(uint32_t /*generation*/) { return {}; }
  virtual void on_commit(uint32_t /*generation*/) {}
  virtual void on_abort(uint32_t /*generation*/) {}
  virtual void on_peer_up(imsg::PeerId, const std::string& /*account*/) {}
  virtual void on_peer_down(imsg::PeerId) {}
  virtual void on_quit();  // default: the log is flushed and the process ends with 0
  virtual std::vector<Stat> stats() { return {}; }
  // False: what start-up needed is not let go of (lib/os/memory.h). A process that a template forked shares it with others.
  virtual bool releases_start_up() const { return true; }
};

// The channels of a process, by peer, and the messages that all workers take. Not a template: see Worker.
class Peers {
 public:
  using Dispatch = std::function<bool(imsg::PeerId, imsg::Frame&)>;
  Peers(event::Loop& loop, Hooks& hooks, Dispatch dispatch, Fd parent);

  // False (and the message is dropped) when there is no such peer now.
  template <class M>
  bool send(imsg::PeerId to, const M& message) {
    imsg::Channel* c = find(to);
    if (c == nullptr) return false;
    c->send(message);
    return true;
  }
  template <class M>
  bool send_parent(const M& message) {
    return send({imsg::Role::kParent, 0}, message);
  }
  // What was sent to that peer leaves now, not at the end of the turn: before what is sent to others.
  void flush(imsg::PeerId peer);
  void flush_parent() { flush({imsg::Role::kParent, 0}); }
  // To the first worker of the role, or by `key` to always the same one of several.
  template <class M>
  bool send_role(imsg::Role role, const M& message, uint64_t key = 0) {
    const auto to = pick(role, key);
    return to.has_value() && send(*to, message);
  }
  // In a handler of a message from `peer`: it said what it cannot honestly have said. As if the message were malformed.
  void condemn(imsg::PeerId peer, std::string_view why);
  bool up(imsg::PeerId peer) const { return channels_.count(key(peer)) != 0; }
  bool congested(imsg::PeerId peer);
  std::optional<imsg::PeerId> pick(imsg::Role role, uint64_t key) const;
  void add(imsg::PeerId peer, Fd channel, const std::string& account);
  void drop(imsg::PeerId peer);  // closes our end, without on_peer_down
#ifdef MAILKEEP_CAPTIVE
  std::vector<imsg::PeerId> captive_peers() const;
  imsg::Channel* captive_channel(imsg::PeerId peer) { return find(peer); }
#endif

 private:
  static uint64_t key(imsg::PeerId p) { return static_cast<uint64_t>(p.role) << 32 | p.instance; }
  imsg::Channel* find(imsg::PeerId peer);
  bool on_frame(imsg::PeerId peer, imsg::Frame& frame);
  bool on_parent_frame(imsg::Frame& frame, bool& known);
  void on_broken(imsg::PeerId peer, std::string_view why);

  event::Loop& loop_;
  Hooks& hooks_;
  Dispatch dispatch_;
  std::map<uint64_t, std::unique_ptr<imsg::Channel>> channels_;
  std::optional<imsg::PeerId> condemned_;
  event::Timer started_;
};

template <class Owner>
class Worker : public Peers {
 public:
  Worker(event::Loop& loop, Owner& owner, imsg::Routes<Owner> routes)
      : Peers(
            loop, owner,
            [&owner, routes = std::move(routes)](imsg::PeerId peer, imsg::Frame& frame) {
              return routes.dispatch(owner, peer, frame);
            },
            Fd(kParentFd)) {}
};

}  // namespace mailkeep::worker

#ifdef MAILKEEP_CAPTIVE
// The captive build's hooks: regress/captive has them.
namespace mailkeep::captive {
void arm(const worker::Boot& boot);
void serve(event::Loop& loop, worker::Peers& peers);
}  // namespace mailkeep::captive
#endif
