// The seccomp profiles: see sandbox.h. One list of system calls a row; a profile is a set of rows.
// SPDX-License-Identifier: ISC
#include <linux/sched.h>
#include <seccomp.h>
#include <sys/socket.h>

#include <memory>

#include "lib/os/sandbox.h"

namespace mailkeep::os {

namespace {

using Calls = std::vector<const char*>;

// Memory, time, signals to oneself, and work on descriptors that are already open.
const Calls& basic() {
  static const Calls calls = {
      "read", "write", "readv", "writev", "pread64", "pwrite64", "preadv", "pwritev", "preadv2", "pwritev2", "close", "fstat", "newfstatat",
      "statx", "lseek", "dup", "dup2", "dup3", "fcntl", "brk", "mmap", "munmap", "mremap", "madvise", "mprotect",
      "epoll_create1", "epoll_ctl", "epoll_wait", "epoll_pwait", "epoll_pwait2", "poll", "ppoll", "eventfd2", "timerfd_create",
      "timerfd_settime", "pipe2", "clock_gettime", "clock_nanosleep", "nanosleep", "gettimeofday", "getrandom",
      "getpid", "gettid", "getppid", "getuid", "geteuid", "getgid", "getegid", "rt_sigaction", "rt_sigprocmask",
      "rt_sigreturn", "sigaltstack", "tgkill", "futex", "set_robust_list", "rseq", "sched_yield", "sched_getaffinity", "exit",
      "exit_group", "restart_syscall", "prlimit64", "getrlimit", "getrusage", "uname", "sysinfo", "membarrier", "times", "select", "pselect6"};
  return calls;
}

// Sockets that somebody else made: passed descriptors, and accept on a listener of ours.
const Calls& sockets() {
  static const Calls calls = {"recvmsg", "sendmsg", "recvfrom", "sendto", "recvmmsg", "sendmmsg", "shutdown", "getsockopt",
                              "setsockopt", "getsockname", "getpeername", "accept4", "accept", "socketpair", "ioctl"};
  return calls;
}

const Calls& memory_files() {
  static const Calls calls = {"memfd_create", "ftruncate", "fallocate"};
  return calls;
}

const Calls& read_files() {
  static const Calls calls = {"openat", "openat2", "open", "access", "faccessat", "faccessat2", "readlink", "readlinkat", "getdents64",
                              "stat", "lstat", "fstatfs", "statfs", "fadvise64", "getcwd", "chdir", "fchdir"};
  return calls;
}

const Calls& write_files() {
  static const Calls calls = {"fdatasync", "fsync", "sync_file_range", "rename", "renameat", "renameat2", "unlink", "unlinkat",
                              "mkdir", "mkdirat", "rmdir", "fchmod", "fchmodat", "linkat", "flock", "umask", "utimensat"};
  return calls;
}

const Calls& children() {
  static const Calls calls = {"clone", "clone3", "fork", "vfork", "close_range", "wait4", "waitid", "kill", "prctl", "setpriority", "alarm", "setitimer"};
  return calls;
}

const Calls& resolver() {
  static const Calls calls = {"socket", "connect", "bind"};
  return calls;
}

std::vector<const Calls*> rows(Profile profile) {
  switch (profile) {
    case Profile::kNetwork: return {&basic(), &sockets(), &memory_files()};
    case Profile::kLookup: return {&basic(), &sockets(), &memory_files(), &read_files(), &resolver()};
    case Profile::kAuth: return {&basic(), &sockets(), &read_files(), &children()};
    case Profile::kSpool: return {&basic(), &sockets(), &memory_files(), &read_files(), &write_files()};
    case Profile::kUser: return {&basic(), &sockets(), &memory_files(), &read_files(), &write_files(), &children()};
    case Profile::kControl: return {&basic(), &sockets()};
  }
  return {};
}

}  // namespace

Status enter_seccomp(Profile profile) {
  struct Release {
    void operator()(void* ctx) const { seccomp_release(ctx); }
  };
  const std::unique_ptr<void, Release> ctx(seccomp_init(SCMP_ACT_KILL_PROCESS));
  if (!ctx) return Error("seccomp_init failed");
  // A call that this libseccomp does not know is one that no code built here makes.
  for (const Calls* row : rows(profile)) {
    for (const char* name : *row) {
      const int number = seccomp_syscall_resolve_name(name);
      if (number == __NR_SCMP_ERROR) continue;
      const int rc = seccomp_rule_add(ctx.get(), SCMP_ACT_ALLOW, number, 0);
      if (rc != 0 && rc != -EEXIST) return errno_error(std::string("seccomp_rule_add ") + name, -rc);
    }
  }
  // What the C library tries and does without: an error, not death (where a row above allows it, that stays).
  for (const char* name : {"prctl", "socket", "set_tid_address"}) {
    seccomp_rule_add(ctx.get(), SCMP_ACT_ERRNO(EPERM), seccomp_syscall_resolve_name(name), 0);
  }
  if (const int rc = seccomp_load(ctx.get()); rc != 0) return errno_error("seccomp_load", -rc);
  return {};
}

}  // namespace mailkeep::os
