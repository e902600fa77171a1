// Starting a worker: see process.h.
// SPDX-License-Identifier: ISC
#include "smtpd/parent/process.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/imsg/channel.h"

#define TITLE_ROOM \
  "                                                                "  // 64 bytes; three of them hold any title

namespace mailkeep::parent {

Result<Libexec> find_libexec() {
  char path[4096];
  const ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
  if (n <= 0) return errno_error("readlink /proc/self/exe");
  std::string dir(path, static_cast<size_t>(n));
  for (int up = 0; up < 2; up++) dir.resize(std::max(dir.rfind('/'), size_t{0}));
  dir += "/libexec/mailkeep";
  if (access((dir + "/smtpd").c_str(), X_OK) != 0) return errno_error("the workers' programs: " + dir + "/smtpd");
  Libexec found{dir, Fd(::open(dir.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC))};
  if (!found.directory) return errno_error("open " + dir);
  return found;
}

Result<std::pair<Fd, Fd>> make_pair() {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) != 0) return errno_error("socketpair");
  return std::make_pair(Fd(ends[0]), Fd(ends[1]));
}

namespace {

// Between vfork and exec, in the parent's memory: system calls only. No signal is let through while a handler of the
// parent's could take it.
[[noreturn]] void become(int libexec, const char* name, int channel) {
  for (int s : {SIGHUP, SIGTERM, SIGINT, SIGCHLD, SIGPIPE}) signal(s, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  const int null = open("/dev/null", O_RDWR);
  if (null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0) _exit(127);
  if (channel == 3) {
    if (fcntl(3, F_SETFD, 0) != 0) _exit(127);
  } else if (dup2(channel, 3) < 0) {
    _exit(127);
  }
  // The rest is closed by the exec, the directory of programs too.
  if (close_range(4, ~0U, CLOSE_RANGE_CLOEXEC) != 0 || chdir("/") != 0) _exit(127);
  // Room for the title that the worker shows in ps: setproctitle(3) writes over the arguments. There is no environment.
  static char room[] = TITLE_ROOM TITLE_ROOM TITLE_ROOM;
  char* const argv[] = {const_cast<char*>(name), room, nullptr};
  char* const envp[] = {nullptr};
  execveat(libexec, name, argv, envp, 0);
  _exit(127);
}

// vfork: fork would copy the page tables of a parent that may know a hundred thousand accounts.
Result<pid_t> fork_and_become(int libexec, const char* name, int channel) {
  sigset_t all, before;
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, &before);
  const pid_t pid = vfork();
  if (pid == 0) become(libexec, name, channel);
  const int error = errno;
  sigprocmask(SIG_SETMASK, &before, nullptr);
  if (pid < 0) return errno_error("vfork", error);
  return pid;
}

}  // namespace

Result<Started> start_worker(const Libexec& libexec, const worker::Boot& boot) {
  auto pair = make_pair();
  if (!pair) return pair.error();
  const std::string name(imsg::role_name(boot.role));
  Started out;
  auto forked = fork_and_become(libexec.directory.get(), name.c_str(), pair->second.get());
  if (!forked) return forked.error();
  out.pid = *forked;
  out.channel = std::move(pair->first);
  pair->second.reset();
  imsg::Encoder e;
  worker::Boot::fields(e, boot);
  if (auto sent = imsg::write_frame(out.channel.get(), worker::Boot::kType, e.bytes(), e.fds()); !sent) {
    kill(out.pid, SIGKILL);  // the caller's SIGCHLD handling reaps it
    return Error("start " + libexec.path + "/" + name + ": " + sent.error().text);
  }
  return out;
}

}  // namespace mailkeep::parent
