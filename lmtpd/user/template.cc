// The template: see template.h.
// SPDX-License-Identifier: ISC
#include "lmtpd/user/template.h"

#include <bsd/unistd.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <ctime>

#include "lib/imsg/channel.h"
#include "lib/os/privilege.h"
#include "lmtpd/user/converters.h"
#include "lmtpd/user/messages.h"

namespace mailkeep::user {

namespace {

[[noreturn]] void give_up(std::string_view what, const std::string& text) {
  log::open("user", log::Level::kInfo, true);
  log::error("template").kv("step", what).kv("text", text);
  log::flush();
  _exit(1);
}

void confine_template(const worker::Boot& boot) {
  if (auto kept = os::keep_capabilities({CAP_SETUID, CAP_SETGID, CAP_SETPCAP}); !kept)
    give_up("capabilities", kept.error().text);
  if (auto done = os::harden_process(); !done) give_up("harden", done.error().text);
  const Fd converters = open_converters();
  std::vector<os::Allowed> allowed = {{boot.directory.get(), true}};
  if (converters) allowed.push_back({converters.get(), false});
  if (auto done = os::enter_landlock(allowed, false); !done) give_up("landlock", done.error().text);
}

// fork(2) with our own father: he alone waits for the child and may signal it. Not fork(3), which knows no flags; there
// is one thread here, and no lock is held.
pid_t fork_sibling() {
  return static_cast<pid_t>(syscall(SYS_clone, CLONE_PARENT | SIGCHLD, nullptr, nullptr, nullptr, nullptr));
}

}  // namespace

worker::Boot serve_template(worker::Boot boot) {
  setproctitle("-mailkeep: user template");
  tzset();  // syslog(3) reads the time zone's file, which the children may not
  confine_template(boot);
  boot.directory.reset();
  while (true) {
    auto frame = imsg::read_frame(worker::kParentFd);
    if (!frame) _exit(0);
    Start start;
    if (frame->type != Start::kType || !imsg::decode(frame->body, frame->fds, start) || worker::is_template(start.boot))
      _exit(1);
    const pid_t pid = fork_sibling();
    if (pid < 0) _exit(1);  // the parent tries it in its own way
    if (pid == 0) {
      if (dup2(start.channel.get(), worker::kParentFd) < 0) _exit(1);
      start.channel.reset();
      worker::begin(start.boot);
      return std::move(start.boot);
    }
    Forked forked;
    forked.pid = static_cast<uint32_t>(pid);
    imsg::Encoder e;
    Forked::fields(e, forked);
    if (!imsg::write_frame(worker::kParentFd, Forked::kType, e.bytes(), e.fds())) _exit(1);
  }
}

}  // namespace mailkeep::user
