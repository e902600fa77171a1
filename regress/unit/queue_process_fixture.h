// The queue's executable, started as the parent starts it, in its chroot and sandbox; the test is all its peers. Needs
// root.
// SPDX-License-Identifier: ISC
#pragma once

#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "lib/imsg/channel.h"
#include "lib/worker/messages.h"
#include "lmtpd/user/messages.h"
#include "queue/content.h"
#include "queue/messages.h"
#include "regress/unit/spool_fixture.h"
#include "regress/unit/unit.h"

using namespace mailkeep;
using imsg::Role;

namespace {

constexpr uid_t kNobody = 65534;

template <class M>
void send(const Fd& channel, const M& message) {
  imsg::Encoder e;
  M::fields(e, message);
  assert_true(imsg::write_frame(channel.get(), M::kType, e.bytes(), e.fds()));
}

// The next message of that type; others before it are passed over.
template <class M>
M expect(const Fd& channel) {
  for (;;) {
    auto frame = imsg::read_frame(channel.get());
    if (!frame) fatal("expected message " + std::to_string(M::kType) + ": " + frame.error().text);
    if (frame->type != M::kType) continue;
    M m;
    assert_true(imsg::decode(frame->body, frame->fds, m));
    return m;
  }
}

std::pair<Fd, Fd> make_pair() {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) fatal("socketpair");
  struct timeval limit = {10, 0};
  setsockopt(ends[0], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  return {Fd(ends[0]), Fd(ends[1])};
}

std::string executable() {
  char path[4096] = {};
  if (readlink("/proc/self/exe", path, sizeof path - 1) < 0) fatal("readlink");
  std::string name(path);
  name.resize(name.rfind("/regress/"));
  return name + "/libexec/mailkeep/queue";
}

struct Process {
  explicit Process(const std::string& root) {
    auto [ours, theirs] = make_pair();
    pid = fork();
    if (pid == 0) {
      dup2(theirs.get(), 3);
      fcntl(3, F_SETFD, 0);
      execl(executable().c_str(), "queue", static_cast<char*>(nullptr));
      _exit(127);
    }
    parent = std::move(ours);
    worker::Boot boot;
    boot.role = Role::kQueue;
    boot.uid = boot.gid = kNobody;
    boot.root = root;
    boot.directory.reset(open(root.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    send(parent, boot);
    queue::Config config;
    config.generation = 1;
    config.hostname = "mx.mk.test";
    config.lifetime = 1000;
    send(parent, config);
    worker::Prepare prepare;
    prepare.generation = 1;
    send(parent, prepare);
    assert_true(expect<worker::Prepared>(parent).ok);
    worker::Commit commit;
    commit.generation = 1;
    send(parent, commit);
  }
  ~Process() { end(SIGKILL); }
  int end(int signal_number) {
    if (pid <= 0) return 0;
    kill(pid, signal_number);
    int status = 0;
    waitpid(pid, &status, 0);
    pid = -1;
    return status;
  }
  Fd wire(Role role, uint32_t instance, const std::string& account = "") {
    auto [ours, theirs] = make_pair();
    worker::Wire wire;
    wire.role = role;
    wire.instance = instance;
    wire.account = account;
    wire.channel = std::move(theirs);
    send(parent, wire);
    return std::move(ours);
  }
  pid_t pid = -1;
  Fd parent;
};

}  // namespace
