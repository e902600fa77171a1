// Starting a worker: see process.h.
// SPDX-License-Identifier: ISC
#include "smtpd/parent/process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/imsg/channel.h"
#include "lib/os/privilege.h"

#define TITLE_ROOM "                                                                "  // 64 bytes; three of them hold any title

namespace mailkeep::parent {

Result<std::string> find_libexec() {
  char path[4096];
  const ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
  if (n <= 0) return errno_error("readlink /proc/self/exe");
  std::string dir(path, static_cast<size_t>(n));
  for (int up = 0; up < 2; up++) dir.resize(std::max(dir.rfind('/'), size_t{0}));
  dir += "/libexec/mailkeep";
  if (access((dir + "/smtpd").c_str(), X_OK) != 0) return errno_error("the workers' programs: " + dir + "/smtpd");
  return dir;
}

Result<std::pair<Fd, Fd>> make_pair() {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) != 0) return errno_error("socketpair");
  return std::make_pair(Fd(ends[0]), Fd(ends[1]));
}

namespace {

// Between fork and exec: system calls only.
[[noreturn]] void become(const char* program, const char* name, int channel) {
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  for (int s : {SIGHUP, SIGTERM, SIGINT, SIGCHLD, SIGPIPE}) signal(s, SIG_DFL);
  const int null = open("/dev/null", O_RDWR);
  if (null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0) _exit(127);
  if (channel == 3) {
    if (fcntl(3, F_SETFD, 0) != 0) _exit(127);
  } else if (dup2(channel, 3) < 0) {
    _exit(127);
  }
  os::close_from(4);
  char* const argv[] = {const_cast<char*>(name), nullptr};
  // Room for the title that the worker shows in ps: setproctitle(3) writes over arguments and environment.
  static char room[] = "MAILKEEP_TITLE=" TITLE_ROOM TITLE_ROOM TITLE_ROOM;
  char* const envp[] = {room, nullptr};
  execve(program, argv, envp);
  _exit(127);
}

}  // namespace

Result<Started> start_worker(const std::string& libexec, const worker::Boot& boot) {
  auto pair = make_pair();
  if (!pair) return pair.error();
  const std::string name(imsg::role_name(boot.role));
  const std::string program = libexec + "/" + name;
  Started out;
  out.pid = fork();
  if (out.pid < 0) return errno_error("fork");
  if (out.pid == 0) become(program.c_str(), name.c_str(), pair->second.get());
  out.channel = std::move(pair->first);
  pair->second.reset();
  imsg::Encoder e;
  worker::Boot::fields(e, boot);
  if (auto sent = imsg::write_frame(out.channel.get(), worker::Boot::kType, e.bytes(), e.fds()); !sent) {
    kill(out.pid, SIGKILL);  // the caller's SIGCHLD handling reaps it
    return Error("start " + program + ": " + sent.error().text);
  }
  return out;
}

}  // namespace mailkeep::parent
