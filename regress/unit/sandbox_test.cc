// lib/os: each profile ends the process at what it does not allow, and lets it do what every worker does. The whole
// daemon's workers are tried by regress/e2e/16-captive; here the real consequence, death, is seen. Needs root.
// SPDX-License-Identifier: ISC
#include <fcntl.h>
#include <linux/sched.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>

#include "lib/base/fd.h"
#include "lib/event/loop.h"
#include "lib/log/log.h"
#include "lib/os/privilege.h"
#include "lib/os/sandbox.h"

#include "regress/unit/unit.h"

using namespace mailkeep;
using os::Profile;

namespace {

constexpr Profile kProfiles[] = {Profile::kReceive, Profile::kLogin,   Profile::kTls,
                                 Profile::kLookup,  Profile::kAuth,    Profile::kSpool,
                                 Profile::kUser,    Profile::kControl, Profile::kRelay};

bool reaches_others(Profile profile) { return profile == Profile::kLookup || profile == Profile::kRelay; }

// What `body` returns in a child under that profile; minus the signal that ended it; 99: no sandbox.
int in_child(Profile profile, const std::function<int()>& body) {
  const pid_t pid = fork();
  if (pid == 0) {
    signal(SIGSEGV, SIG_DFL);  // cmocka's is the test's own
    signal(SIGABRT, SIG_DFL);
    if (!os::harden_process() || !os::enter_seccomp(profile)) _exit(99);
    _exit(body());
  }
  int status = 0;
  assert_int_equal(waitpid(pid, &status, 0), pid);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

struct Act {
  const char* name;
  std::function<long()> run;
};

int pair_of(int type) {
  int ends[2];
  return socketpair(AF_UNIX, type, 0, ends);
}

// Forbidden to all.
const Act kActs[] = {
    {"execve", [] { return syscall(SYS_execve, "/bin/true", nullptr, nullptr); }},
    {"execveat", [] { return syscall(SYS_execveat, 0, "", nullptr, nullptr, AT_EMPTY_PATH); }},
    {"vfork", [] { return syscall(SYS_clone, CLONE_VFORK | CLONE_VM | SIGCHLD, nullptr, nullptr, nullptr, nullptr); }},
    {"thread",
     [] {
       return syscall(SYS_clone, CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD, nullptr, nullptr,
                      nullptr, nullptr);
     }},
    {"new user namespace",
     [] { return syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, nullptr, nullptr, nullptr, nullptr); }},
    {"unshare", [] { return syscall(SYS_unshare, CLONE_NEWNS); }},
    {"setns", [] { return syscall(SYS_setns, 0, 0); }},
    {"ptrace", [] { return syscall(SYS_ptrace, PTRACE_TRACEME, 0, 0, 0); }},
    {"process_vm_readv", [] { return syscall(SYS_process_vm_readv, 1, nullptr, 0, nullptr, 0, 0); }},
    {"pidfd_open", [] { return syscall(434, 1, 0); }},
    {"pidfd_getfd", [] { return syscall(438, 0, 0, 0); }},
    {"signal", [] { return static_cast<long>(kill(getppid(), 0)); }},
    {"tgkill another", [] { return syscall(SYS_tgkill, 1, 1, 0); }},
    {"setuid", [] { return syscall(SYS_setuid, 0); }},
    {"setgroups", [] { return syscall(SYS_setgroups, 0, nullptr); }},
    {"capset", [] { return syscall(SYS_capset, nullptr, nullptr); }},
    {"chroot", [] { return syscall(SYS_chroot, "/"); }},
    {"mount", [] { return syscall(SYS_mount, "a", "b", "c", 0, nullptr); }},
    {"bpf", [] { return syscall(SYS_bpf, 0, nullptr, 0); }},
    {"keyctl", [] { return syscall(SYS_keyctl, 0, 0, 0, 0, 0); }},
    {"perf_event_open", [] { return syscall(SYS_perf_event_open, nullptr, 0, 0, 0, 0); }},
    {"userfaultfd", [] { return syscall(SYS_userfaultfd, 0); }},
    {"io_uring_setup", [] { return syscall(425, 1, nullptr); }},
    {"listen", [] { return syscall(SYS_listen, 0, 1); }},
    {"executable memory",
     [] {
       return reinterpret_cast<long>(mmap(nullptr, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
     }},
    {"a pair of datagram sockets", [] { return static_cast<long>(pair_of(SOCK_DGRAM)); }},
    {"ioctl", [] { return static_cast<long>(ioctl(2, TIOCSTI, "x")); }},
    {"fcntl(F_SETOWN)", [] { return static_cast<long>(fcntl(2, F_SETOWN, 1)); }},
    {"prlimit of another", [] { return syscall(SYS_prlimit64, 1, RLIMIT_CORE, nullptr, nullptr); }},
    {"openat2", [] { return syscall(437, -1, "x", nullptr, 0); }},
};

bool needed_by_sanitizers(const Act& act) {
  const std::string_view name = act.name;
  return name == "ioctl" || name == "prlimit of another";
}

void forbidden_acts_are_deadly(void**) {
  for (const Profile profile : kProfiles) {
    for (const Act& act : kActs) {
      if (os::kSanitized && needed_by_sanitizers(act)) continue;
      const int end = in_child(profile, [&act] {
        act.run();
        return 1;
      });
      if (end != -SIGSYS) print_error("profile %d, %s: %d\n", static_cast<int>(profile), act.name, end);
      assert_int_equal(end, -SIGSYS);
    }
  }
}

// The same act, with other numbers through the old entry.
void other_architectures_are_deadly(void**) {
#if defined(__x86_64__)
  const int end = in_child(Profile::kUser, [] {
    long result = 0;
    asm volatile("int $0x80" : "=a"(result) : "a"(20L) : "memory", "r8", "r9", "r10", "r11");
    return 1;
  });
  assert_true(end == -SIGSYS || end == -SIGSEGV);  // a kernel without that entry answers with a fault
  constexpr long kX32 = 0x40000000;
  assert_int_equal(in_child(Profile::kUser, [] { return syscall(kX32 | SYS_getpid) > 0 ? 1 : 2; }), -SIGSYS);
#endif
}

// A socket at most where the name service, questions to DNS servers or mail to other hosts need one, and that kind
// alone.
void sockets_where_they_are_needed(void**) {
  for (const Profile profile : kProfiles) {
    if (reaches_others(profile)) continue;
    assert_int_equal(in_child(profile, [] { return socket(AF_UNIX, SOCK_STREAM, 0) < 0 && errno == EPERM ? 0 : 1; }),
                     0);
    assert_int_equal(in_child(profile, [] { return connect(0, nullptr, 0); }), -SIGSYS);
    assert_int_equal(in_child(profile, [] { return bind(0, nullptr, 0); }), -SIGSYS);
  }
  struct Row {
    int family, type;
    bool lookup, relay;
  };
  for (const Row& row : {Row{AF_UNIX, SOCK_STREAM, true, false},
                         {AF_INET, SOCK_STREAM, true, true},
                         {AF_INET6, SOCK_STREAM, true, true},
                         {AF_INET, SOCK_DGRAM, true, false},
                         {AF_INET6, SOCK_DGRAM, true, false},
                         {AF_INET, SOCK_RAW, false, false},
                         {AF_NETLINK, SOCK_RAW, false, false},
                         {AF_PACKET, SOCK_DGRAM, false, false},
                         {AF_VSOCK, SOCK_STREAM, false, false}}) {
    const auto make = [&row] {
      return socket(row.family, row.type | SOCK_CLOEXEC, 0) >= 0 || errno == EAFNOSUPPORT ? 0 : 1;
    };
    assert_int_equal(in_child(Profile::kLookup, make), row.lookup ? 0 : -SIGSYS);
    assert_int_equal(in_child(Profile::kRelay, make), row.relay ? 0 : -SIGSYS);
  }
}

void no_files_where_none_are_needed(void**) {
  for (const Profile profile :
       {Profile::kReceive, Profile::kLogin, Profile::kTls, Profile::kAuth, Profile::kControl, Profile::kRelay}) {
    constexpr int kHow = os::kSanitized ? O_RDWR : O_RDONLY;
    assert_int_equal(in_child(profile, [] { return open("/etc/passwd", kHow) >= 0 ? 1 : 2; }), -SIGSYS);
  }
  assert_int_equal(in_child(Profile::kLookup, [] { return open("/etc/passwd", O_RDONLY) >= 0 ? 0 : 1; }), 0);
  assert_int_equal(in_child(Profile::kLookup, [] { return open("/dev/null", O_WRONLY) >= 0 ? 1 : 2; }), -SIGSYS);
  assert_int_equal(in_child(Profile::kLookup, [] { return open("/tmp/x", O_RDONLY | O_CREAT, 0600) >= 0 ? 1 : 2; }),
                   -SIGSYS);
}

// An event loop with a timer and a signal, the log, a failed assertion's end.
void every_worker_lives(void**) {
  for (const Profile profile : kProfiles) {
    assert_int_equal(in_child(profile,
                              [] {
                                event::Loop loop;
                                bool fired = false;
                                event::Timer timer(loop, [&fired] { fired = true; });
                                event::Signal signal(loop, SIGUSR1, [] {});
                                timer.set(Millis(1));
                                for (int i = 0; i < 100 && !fired; i++) loop.turn();
                                std::string big(8 * 1024 * 1024, 'x');
                                big.resize(64 * 1024 * 1024, 'y');
                                return fired && big[1] == 'x' ? 0 : 1;
                              }),
                     0);
    assert_int_equal(in_child(profile, []() -> int { abort(); }), -SIGABRT);
  }
}

// The log that goes to syslog opens nothing later.
void syslog_after_the_drop(void**) {
  for (const Profile profile : kProfiles) {
    assert_int_equal(in_child(profile, [] { return 0; }), 0);
    const pid_t pid = fork();
    if (pid == 0) {
      log::open("sandbox-test", log::Level::kInfo, false);
      if (!os::harden_process() || !os::enter_seccomp(profile)) _exit(99);
      log::info("sandbox-test").kv("profile", static_cast<int>(profile));
      log::flush();
      _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
  }
}

void auth_may_fork(void**) {
  assert_int_equal(in_child(Profile::kAuth,
                            [] {
                              const pid_t pid = fork();
                              if (pid == 0) _exit(prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 ? 7 : 8);
                              int status = 0;
                              return waitpid(pid, &status, 0) == pid && WEXITSTATUS(status) == 7 ? 0 : 1;
                            }),
                   0);
  assert_int_equal(in_child(Profile::kAuth, [] { return prctl(PR_SET_DUMPABLE, 1); }), -SIGSYS);
  assert_int_equal(in_child(Profile::kAuth, [] { return kill(getpid(), SIGTERM); }), -SIGSYS);
  for (const Profile profile : kProfiles) {
    if (profile == Profile::kAuth) continue;
    assert_int_equal(in_child(profile, [] { return fork() == 0 ? 1 : 2; }), -SIGSYS);
  }
}

// As the kernel's ABI allows: no TCP, no signal, no abstract socket beyond the process and its children.
void landlock_reaches_beyond_files(void**) {
  const int abi = os::landlock_abi();
  if (abi < 4) skip();
  const Fd listener(socket(AF_INET, SOCK_STREAM, 0));
  struct sockaddr_in at {};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof at;
  assert_int_equal(bind(listener.get(), reinterpret_cast<struct sockaddr*>(&at), size), 0);
  assert_int_equal(listen(listener.get(), 1), 0);
  assert_int_equal(getsockname(listener.get(), reinterpret_cast<struct sockaddr*>(&at), &size), 0);
  const pid_t pid = fork();
  if (pid == 0) {
    if (!os::harden_process() || !os::enter_landlock({}, true)) _exit(99);
    const Fd fd(socket(AF_INET, SOCK_STREAM, 0));
    if (connect(fd.get(), reinterpret_cast<struct sockaddr*>(&at), sizeof at) == 0 || errno != EACCES) _exit(1);
    at.sin_port = 0;
    if (bind(fd.get(), reinterpret_cast<struct sockaddr*>(&at), sizeof at) == 0 || errno != EACCES) _exit(2);
    if (abi >= 6 && (kill(getppid(), 0) == 0 || errno != EPERM)) _exit(3);
    _exit(0);
  }
  int status = 0;
  assert_int_equal(waitpid(pid, &status, 0), pid);
  assert_true(WIFEXITED(status));
  assert_int_equal(WEXITSTATUS(status), 0);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {unit_test(forbidden_acts_are_deadly),
                              unit_test(other_architectures_are_deadly),
                              unit_test(sockets_where_they_are_needed),
                              unit_test(no_files_where_none_are_needed),
                              unit_test(every_worker_lives),
                              unit_test(syslog_after_the_drop),
                              unit_test(auth_may_fork),
                              unit_test(landlock_reaches_beyond_files)};
  return run_unit_tests(tests);
}
