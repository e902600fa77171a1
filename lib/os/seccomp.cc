// The seccomp profiles: see sandbox.h. A profile is a set of rows; a row is a list of calls, some of them only with the
// arguments named. regress/tools/system-calls shows which ones the roles make: what none makes does not stand here, but
// for what the C library and the database do on rare ways (recovery, abort, a full heap).
// SPDX-License-Identifier: ISC
#include <fcntl.h>
#include <linux/sched.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <memory>

#include "lib/os/sandbox.h"

namespace mailkeep::os {

namespace {

// A call, and what its arguments must be: (argument & mask) == value, for each test.
struct Call {
  struct Test {
    unsigned argument;
    uint64_t mask;
    uint64_t value;
  };
  const char* name;
  std::vector<Test> tests = {};
};
using Calls = std::vector<Call>;

constexpr uint64_t kAll = ~uint64_t{0};
constexpr uint64_t kInt = UINT32_MAX;  // an int: the upper half of the register may be anything
constexpr uint64_t kSocketType = kInt & ~static_cast<uint64_t>(SOCK_NONBLOCK | SOCK_CLOEXEC);
constexpr uint64_t kWriting = O_ACCMODE | O_CREAT | O_TRUNC | O_APPEND | __O_TMPFILE;

// Memory that is not executable, signals to oneself, time, the event loop, messages to and from peers, the log.
Calls basic() {
  Calls calls;
  for (const char* name :
       {"read",         "write",         "pread64",      "close",          "fstat",        "newfstatat",
        "brk",          "munmap",        "mremap",       "madvise",        "futex",        "set_robust_list",
        "rseq",         "epoll_create1", "epoll_ctl",    "epoll_wait",     "epoll_pwait",  "epoll_pwait2",
        "pipe2",        "recvmsg",       "sendmsg",      "recvfrom",       "sendto",       "clock_gettime",
        "gettimeofday", "getrandom",     "getpid",       "gettid",         "getuid",       "geteuid",
        "getgid",       "getegid",       "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "restart_syscall",
        "sysinfo",      "exit",          "exit_group"}) {
    calls.push_back({name});
  }
  calls.push_back({"mmap", {{2, PROT_EXEC, 0}}});
  calls.push_back({"mprotect", {{2, PROT_EXEC, 0}}});
  calls.push_back({"prlimit64", {{0, kInt, 0}, {2, kAll, 0}}});               // its own limits, to read
  calls.push_back({"tgkill", {{0, kInt, static_cast<uint64_t>(getpid())}}});  // abort(3)
  // Not F_SETOWN, F_SETSIG and the like, by which the kernel would signal others.
  for (const int command : {F_DUPFD, F_DUPFD_CLOEXEC, F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_ADD_SEALS, F_GET_SEALS}) {
    calls.push_back({"fcntl", {{1, kInt, static_cast<uint64_t>(command)}}});
  }
  return calls;
}

// Clients: those that our listeners bring.
Calls accepting() { return {{"accept4"}}; }

// A client's connection behind TLS is one end of a pair. Only stream pairs: one of datagram sockets could be made to
// send anywhere.
Calls pairs() { return {{"socketpair", {{0, kInt, AF_UNIX}, {1, kSocketType, SOCK_STREAM}}}}; }

Calls connections() {
  return {{"setsockopt", {{1, kInt, IPPROTO_TCP}, {2, kInt, TCP_NODELAY}}},
          {"getsockopt", {{1, kInt, SOL_SOCKET}, {2, kInt, SO_TYPE}}},
          {"shutdown"},
          {"getpeername"}};
}

// Connections of our own: TCP and nothing else.
Calls outwards() {
  return {{"socket", {{0, kInt, AF_INET}, {1, kSocketType, SOCK_STREAM}, {2, kInt, 0}}},
          {"socket", {{0, kInt, AF_INET6}, {1, kSocketType, SOCK_STREAM}, {2, kInt, 0}}},
          {"getsockopt", {{1, kInt, SOL_SOCKET}, {2, kInt, SO_ERROR}}},
          {"bind"},
          {"connect"}};
}

// Who is at the other end of a Unix socket.
Calls credentials_of_clients() { return {{"getsockopt", {{1, kInt, SOL_SOCKET}, {2, kInt, SO_PEERCRED}}}}; }

Calls memory_files() { return {{"memfd_create"}}; }

Calls files() {
  Calls calls;
  for (const char* name : {"openat", "access",   "faccessat", "getdents64", "lseek", "statfs",    "fstatfs",
                           "getcwd", "pwrite64", "pwritev",   "fdatasync",  "fsync", "ftruncate", "fallocate",
                           "rename", "renameat", "unlink",    "unlinkat",   "mkdir", "mkdirat"}) {
    calls.push_back({name});
  }
  return calls;
}

// Berkeley DB waits and counts processors.
Calls database() { return {{"select"}, {"pselect6"}, {"sched_yield"}, {"sched_getaffinity"}}; }

Calls read_files() {
  return {{"openat", {{2, kWriting, 0}}},
          {"access"},
          {"faccessat"},
          {"faccessat2"},
          {"readlink"},
          {"readlinkat"},
          {"getdents64"},
          {"lseek"},
          {"statx"}};
}

// What modules of nsswitch.conf(5) do to find a user: they ask daemons over unix sockets, which Landlock leaves to the
// permissions of the socket's file.
Calls name_service() {
  Calls calls = {{"socket", {{0, kInt, AF_UNIX}, {1, kSocketType, SOCK_STREAM}}},
                 {"getsockopt", {{1, kInt, SOL_SOCKET}}},
                 {"setsockopt", {{1, kInt, SOL_SOCKET}}}};
  for (const char* name : {"connect", "poll", "ppoll", "getsockname", "getpeername", "sendmmsg", "uname",
                           "clock_nanosleep", "nanosleep"}) {
    calls.push_back({name});
  }
  return calls;
}

// Questions to DNS servers.
Calls resolving() {
  Calls calls = {{"bind"}, {"writev"}};
  for (const int family : {AF_INET, AF_INET6}) {
    for (const int type : {SOCK_STREAM, SOCK_DGRAM}) {
      calls.push_back(
          {"socket", {{0, kInt, static_cast<uint64_t>(family)}, {1, kSocketType, static_cast<uint64_t>(type)}}});
    }
  }
  for (const int level : {IPPROTO_IP, IPPROTO_IPV6, IPPROTO_TCP})
    calls.push_back({"setsockopt", {{1, kInt, static_cast<uint64_t>(level)}}});
  return calls;
}

// A child per check, that is killed when it takes too long. No thread, no namespace: the flags of fork(3) and no
// others.
Calls children() {
  constexpr uint64_t kFork = CLONE_CHILD_CLEARTID | CLONE_CHILD_SETTID | SIGCHLD;
  return {{"clone", {{0, kAll, kFork}}},           {"wait4"}, {"getppid"},
          {"kill", {{1, kInt, SIGKILL}}},          {"dup2"},  {"close_range"},
          {"prctl", {{0, kInt, PR_SET_PDEATHSIG}}}};
}

// iconv(3) loads a converter when a message needs one: code from a file, never from memory that can be written.
Calls converters() { return {{"mmap", {{2, PROT_EXEC | PROT_WRITE, PROT_EXEC}, {3, MAP_ANONYMOUS, 0}}}}; }

// What the runtime of a sanitizer needs to work and to report.
Calls sanitizers() {
  return {
      {"sigaltstack"},     {"sched_yield"}, {"getrusage"}, {"prlimit64"}, {"readlink"}, {"openat", {{2, kWriting, 0}}},
      {"clock_nanosleep"}, {"lseek"},       {"ioctl"},     {"uname"}};
}

Calls calls_of(Profile profile) {
  std::vector<Calls> rows = {basic()};
  switch (profile) {
    case Profile::kReceive:
      rows.insert(rows.end(), {accepting(), pairs(), connections(), credentials_of_clients(), memory_files()});
      break;
    case Profile::kLogin: rows.insert(rows.end(), {accepting(), pairs(), connections()}); break;
    case Profile::kTls: rows.insert(rows.end(), {connections()}); break;
    case Profile::kLookup: rows.insert(rows.end(), {read_files(), name_service(), resolving(), database()}); break;
    case Profile::kAuth:
      rows.insert(rows.end(), {children(), credentials_of_clients(), Calls{{"getsockname"}, {"poll"}, {"ppoll"}}});
      break;
    case Profile::kSpool: rows.insert(rows.end(), {files(), database(), memory_files()}); break;
    case Profile::kUser:
      rows.insert(rows.end(), {files(), connections(), converters(), Calls{{"fcntl", {{1, kInt, F_SETLK}}}}});
      break;
    case Profile::kRelay: rows.insert(rows.end(), {pairs(), connections(), outwards()}); break;
    case Profile::kControl: rows.insert(rows.end(), {accepting(), credentials_of_clients()}); break;
  }
  if (kSanitized) rows.push_back(sanitizers());
  Calls all;
  for (auto& row : rows) all.insert(all.end(), row.begin(), row.end());
  return all;
}

// A call that this libseccomp does not know is one that no code built here makes.
Status allow(void* ctx, const Call& call) {
  const int number = seccomp_syscall_resolve_name(call.name);
  if (number == __NR_SCMP_ERROR) return {};
  std::vector<struct scmp_arg_cmp> tests;
  for (const auto& t : call.tests) tests.push_back({t.argument, SCMP_CMP_MASKED_EQ, t.mask, t.value});
  const int rc = seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW, number, static_cast<unsigned>(tests.size()), tests.data());
  if (rc != 0 && rc != -EEXIST) return errno_error(std::string("seccomp_rule_add ") + call.name, -rc);
  return {};
}

// Where some sockets are allowed, syslog(3)'s own must fail as it does where none is.
Status soften_syslog(void* ctx) {
  const struct scmp_arg_cmp tests[] = {{0, SCMP_CMP_MASKED_EQ, kInt, AF_UNIX},
                                       {1, SCMP_CMP_MASKED_EQ, kSocketType, SOCK_DGRAM}};
  const int rc = seccomp_rule_add_array(ctx, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(socket), 2, tests);
  if (rc != 0 && rc != -EEXIST) return errno_error("seccomp_rule_add socket", -rc);
  return {};
}

// What the C library tries and does without: an error, not death, where no row allows it.
Status soften(void* ctx, const Calls& allowed, const char* name, int error) {
  for (const Call& call : allowed) {
    if (std::string_view(call.name) == name) return {};
  }
  const int rc =
      seccomp_rule_add(ctx, SCMP_ACT_ERRNO(static_cast<uint32_t>(error)), seccomp_syscall_resolve_name(name), 0);
  if (rc != 0 && rc != -EEXIST) return errno_error(std::string("seccomp_rule_add ") + name, -rc);
  return {};
}

#ifdef MAILKEEP_CAPTIVE
constexpr uint32_t kForbidden = SCMP_ACT_TRAP;  // so that the act can be reported
#else
constexpr uint32_t kForbidden = SCMP_ACT_KILL_PROCESS;
#endif

}  // namespace

Status enter_seccomp(Profile profile) {
  struct Release {
    void operator()(void* ctx) const { seccomp_release(ctx); }
  };
  const std::unique_ptr<void, Release> ctx(seccomp_init(kForbidden));
  if (!ctx) return Error("seccomp_init failed");
  // A system call by another architecture's entry, with numbers of its own.
  if (const int rc = seccomp_attr_set(ctx.get(), SCMP_FLTATR_ACT_BADARCH, kForbidden); rc != 0)
    return errno_error("seccomp_attr_set", -rc);
  const Calls calls = calls_of(profile);
  for (const Call& call : calls) {
    if (auto done = allow(ctx.get(), call); !done) return done;
  }
  // syslog(3) would connect again; fork(3) tries clone3 first, whose flags a filter cannot see.
  for (const auto& [name, error] : {std::pair("socket", EPERM), std::pair("prctl", EPERM),
                                    std::pair("set_tid_address", EPERM), std::pair("clone3", ENOSYS)}) {
    if (auto done = soften(ctx.get(), calls, name, error); !done) return done;
  }
  if (profile == Profile::kLookup || profile == Profile::kRelay) {
    if (auto done = soften_syslog(ctx.get()); !done) return done;
  }
  if (const int rc = seccomp_load(ctx.get()); rc != 0) return errno_error("seccomp_load", -rc);
  return {};
}

}  // namespace mailkeep::os
