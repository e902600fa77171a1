// What a taken-over process would try: see captive.h. Each act cleans up after itself where it succeeds.
// SPDX-License-Identifier: ISC
#include <fcntl.h>
#include <netinet/in.h>
#include <seccomp.h>
#include <setjmp.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>

#include "lib/base/text.h"
#include "regress/captive/captive.h"

namespace mailkeep::captive {

namespace {

int number(const Words& words, size_t at) {
  const auto n = at < words.size() ? parse_u64(words[at], INT32_MAX) : std::nullopt;
  return n ? static_cast<int>(*n) : 0;
}

std::string text(const Words& words, size_t at) { return at < words.size() ? words[at] : std::string(); }

// call NAME ARG...: any system call. An ARG is a number (0x… or decimal, with a sign), "TEXT: a pointer to it, @: a
// pointer to 4 KiB of zeroes.
Outcome any_call(const Words& words) {
  static std::array<char, 4096> zeroes;
  zeroes.fill(0);
  const int name = seccomp_syscall_resolve_name(text(words, 1).c_str());
  if (name == __NR_SCMP_ERROR) return "error no such system call";
  std::array<long, 6> a{};
  for (size_t i = 0; i < a.size() && i + 2 < words.size(); i++) {
    const std::string& w = words[i + 2];
    if (w[0] == '"') {
      a[i] = reinterpret_cast<long>(w.c_str() + 1);
    } else if (w[0] == '@') {
      a[i] = reinterpret_cast<long>(zeroes.data());
    } else {
      a[i] = static_cast<long>(w[0] == '-' ? strtoll(w.c_str(), nullptr, 0)
                                           : static_cast<long long>(strtoull(w.c_str(), nullptr, 0)));
    }
  }
  const long result = syscall(name, a[0], a[1], a[2], a[3], a[4], a[5]);
  return outcome(result);
}

struct sockaddr_in loopback(int port) {
  struct sockaddr_in a {};
  a.sin_family = AF_INET;
  a.sin_port = htons(static_cast<uint16_t>(port));
  a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return a;
}

// "@name" is an abstract name.
socklen_t unix_address(const std::string& name, struct sockaddr_un& a) {
  a = {};
  a.sun_family = AF_UNIX;
  const size_t n = name.copy(a.sun_path, sizeof a.sun_path - 1);
  if (name[0] != '@') return sizeof a;
  a.sun_path[0] = '\0';
  return static_cast<socklen_t>(offsetof(struct sockaddr_un, sun_path) + n);
}

Outcome connect_tcp(const Words& words) {
  const Fd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd) return outcome(-1);
  const auto to = loopback(number(words, 1));
  return outcome(connect(fd.get(), reinterpret_cast<const struct sockaddr*>(&to), sizeof to));
}

Outcome bind_tcp(const Words&) {
  const Fd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd) return outcome(-1);
  const auto at = loopback(0);
  if (bind(fd.get(), reinterpret_cast<const struct sockaddr*>(&at), sizeof at) != 0) return outcome(-1);
  return outcome(listen(fd.get(), 1));
}

Outcome send_udp(const Words& words) {
  const Fd fd(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!fd) return outcome(-1);
  const auto to = loopback(number(words, 1));
  return outcome(sendto(fd.get(), "x", 1, 0, reinterpret_cast<const struct sockaddr*>(&to), sizeof to));
}

Outcome connect_unix(const Words& words) {
  const Fd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd) return outcome(-1);
  struct sockaddr_un to {};
  const socklen_t length = unix_address(text(words, 1), to);
  return outcome(connect(fd.get(), reinterpret_cast<struct sockaddr*>(&to), length));
}

// Without socket(2): an end of a pair of datagram sockets can be made to send anywhere.
Outcome datagram_of_a_pair(const Words& words) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, ends) != 0) return outcome(-1);
  const Fd a(ends[0]), b(ends[1]);
  struct sockaddr_un to {};
  const socklen_t length = unix_address(text(words, 1), to);
  return outcome(sendto(a.get(), "x", 1, 0, reinterpret_cast<struct sockaddr*>(&to), length));
}

// A listener that the worker holds made to listen at another address, or to connect.
Outcome connect_held(const Words& words) {
  const auto to = loopback(number(words, 1));
  for (int fd = 3; fd < 1024; fd++) {
    int type = 0;
    socklen_t size = sizeof type;
    if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) != 0) {
      if (errno == ENOSYS) return outcome(-1);
      continue;
    }
    if (connect(fd, reinterpret_cast<const struct sockaddr*>(&to), sizeof to) == 0)
      return "allowed descriptor " + std::to_string(fd);
    if (errno == ENOSYS) return outcome(-1);
  }
  errno = EBADF;
  return outcome(-1);
}

Outcome fork_child(const Words&) {
  const pid_t pid = fork();
  if (pid < 0) return outcome(-1);
  if (pid == 0) _exit(0);
  waitpid(pid, nullptr, 0);
  return "allowed fork";
}

Outcome exec(const Words& words) {
  std::string path = text(words, 1);
  char* const argv[] = {path.data(), nullptr};
  char* const envp[] = {nullptr};
  return outcome(execve(path.c_str(), argv, envp));
}

// A program of its own making, which no chroot keeps away.
Outcome exec_memory(const Words&) {
  const Fd fd(memfd_create("x", 0));
  if (!fd) return outcome(-1);
  static constexpr char kScript[] = "#!/bin/true\n";
  if (write(fd.get(), kScript, sizeof kScript - 1) < 0) return outcome(-1);
  char* const nothing[] = {nullptr};
  return outcome(syscall(SYS_execveat, fd.get(), "", nothing, nothing, AT_EMPTY_PATH));
}

Outcome ptrace_attach(const Words& words) {
  const long done = ptrace(PTRACE_SEIZE, number(words, 1), nullptr, nullptr);
  if (done == 0) {
    ptrace(PTRACE_INTERRUPT, number(words, 1), nullptr, nullptr);
    waitpid(number(words, 1), nullptr, 0);
    ptrace(PTRACE_DETACH, number(words, 1), nullptr, nullptr);
  }
  return outcome(done);
}

Outcome executable_memory(const Words&) {
  void* at = mmap(nullptr, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (at == MAP_FAILED) return outcome(-1);
  munmap(at, 4096);
  return "allowed";
}

Outcome memory_made_executable(const Words&) {
  void* at = mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (at == MAP_FAILED) return outcome(-1);
  const int done = mprotect(at, 4096, PROT_READ | PROT_EXEC);
  const Outcome out = outcome(done);
  munmap(at, 4096);
  return out;
}

// Code from a file that it has written itself: its own where it may make one, else the log that it holds.
Outcome file_mapped_as_code(const Words&) {
  const Fd own(open("captive-code", O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  const int fd = own ? own.get() : STDERR_FILENO;
  if (own && write(own.get(), "code", 4) != 4) return "error write";
  void* at = mmap(nullptr, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);
  const Outcome out = outcome(at == MAP_FAILED ? -1 : 0);
  if (at != MAP_FAILED) munmap(at, 4096);
  if (own) unlink("captive-code");
  return out;
}

// The old door: another table of system calls, with other numbers. A kernel without it answers with a fault.
sigjmp_buf before_the_fault;
void on_fault(int) { siglongjmp(before_the_fault, 1); }

Outcome old_entry(const Words&) {
#if defined(__x86_64__)
  struct sigaction action {};
  struct sigaction old {};
  action.sa_handler = on_fault;
  sigaction(SIGSEGV, &action, &old);
  if (sigsetjmp(before_the_fault, 1) != 0) {
    sigaction(SIGSEGV, &old, nullptr);
    return "denied by the processor";
  }
  long result = 0;
  asm volatile("int $0x80" : "=a"(result) : "a"(20L) : "memory", "r8", "r9", "r10", "r11");  // 20: getpid of i386
  sigaction(SIGSEGV, &old, nullptr);
  errno = result < 0 ? static_cast<int>(-result) : 0;
  return outcome(result < 0 ? -1 : result);
#else
  errno = ENOSYS;
  return outcome(-1);
#endif
}

// From each directory that the worker holds open: up, and out.
Outcome escape(const Words& words) {
  const std::string target = text(words, 1);
  const std::string up = "../../../../../../../../../.." + target;
  for (int fd = 0; fd < 1024; fd++) {
    struct stat st {};
    if (fstat(fd, &st) != 0 || !S_ISDIR(st.st_mode)) continue;
    for (const std::string& path : {up, target}) {
      const Fd out(openat(fd, path.c_str(), O_RDONLY | O_CLOEXEC));
      if (out) return "allowed descriptor " + std::to_string(fd);
      if (errno == ENOSYS) return outcome(-1);
    }
    if (fchdir(fd) == 0) {
      const Fd out(open(up.substr(3).c_str(), O_RDONLY | O_CLOEXEC));
      if (out) return "allowed by fchdir to descriptor " + std::to_string(fd);
    }
  }
  errno = EBADF;
  return outcome(-1);
}

Outcome chroot_again(const Words&) {
  if (syscall(SYS_mkdir, "captive.d", 0700) != 0 && errno != EEXIST) return outcome(-1);
  const int done = chroot("captive.d");
  const Outcome out = outcome(done);
  rmdir("captive.d");
  return out;
}

Outcome forge_sender(const Words& words) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) return outcome(-1);
  const Fd a(ends[0]), b(ends[1]);
  struct iovec iov = {const_cast<char*>("x"), 1};
  alignas(struct cmsghdr) std::array<char, CMSG_SPACE(sizeof(struct ucred))> control{};
  struct msghdr msg {};
  msg.msg_iov = &iov;
  msg.msg_iovlen = 1;
  msg.msg_control = control.data();
  msg.msg_controllen = control.size();
  struct cmsghdr* c = CMSG_FIRSTHDR(&msg);
  c->cmsg_level = SOL_SOCKET;
  c->cmsg_type = SCM_CREDENTIALS;
  c->cmsg_len = CMSG_LEN(sizeof(struct ucred));
  const struct ucred who = {number(words, 1), 0, 0};
  memcpy(CMSG_DATA(c), &who, sizeof who);
  return outcome(sendmsg(a.get(), &msg, MSG_NOSIGNAL));
}

// Keys into the terminal that the server was started from.
Outcome type_into_terminal(const Words&) { return outcome(ioctl(STDERR_FILENO, TIOCSTI, "x")); }

// A signal, by each way there is.
Outcome signal_process(const Words& words) {
  const pid_t pid = number(words, 1);
  if (kill(pid, SIGURG) == 0) return "allowed kill";
  if (syscall(SYS_tkill, pid, SIGURG) == 0) return "allowed tkill";
  if (syscall(SYS_tgkill, pid, pid, SIGURG) == 0) return "allowed tgkill";
  siginfo_t info{};
  info.si_code = SI_QUEUE;
  if (syscall(SYS_rt_sigqueueinfo, pid, SIGURG, &info) == 0) return "allowed rt_sigqueueinfo";
  if (syscall(SYS_rt_tgsigqueueinfo, pid, pid, SIGURG, &info) == 0) return "allowed rt_tgsigqueueinfo";
  const Fd handle(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  if (handle && syscall(SYS_pidfd_send_signal, handle.get(), SIGURG, nullptr, 0) == 0)
    return "allowed pidfd_send_signal";
  // As the owner of a descriptor that becomes ready.
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0) {
    const Fd a(ends[0]), b(ends[1]);
    if (fcntl(a.get(), F_SETOWN, pid) == 0 && fcntl(a.get(), F_GETOWN) == pid) return "allowed F_SETOWN";
  }
  const int why = errno;
  errno = why;
  return outcome(-1);
}

Outcome steal_descriptor(const Words& words) {
  const Fd handle(static_cast<int>(syscall(SYS_pidfd_open, number(words, 1), 0)));
  if (!handle) return outcome(-1);
  const Fd got(static_cast<int>(syscall(SYS_pidfd_getfd, handle.get(), number(words, 2), 0)));
  return outcome(got ? 0 : -1);
}

Outcome read_memory(const Words& words) {
  char here[8];
  struct iovec local = {here, sizeof here};
  struct iovec remote = {reinterpret_cast<void*>(0x400000), sizeof here};
  const long n = syscall(SYS_process_vm_readv, number(words, 1), &local, 1, &remote, 1, 0);
  if (n < 0 && errno == EFAULT) return "allowed but nothing is at that address";
  return outcome(n);
}

Outcome clone_flags(const Words& words) {
  const auto flags = static_cast<unsigned long>(strtoull(text(words, 1).c_str(), nullptr, 0));
  const long pid = syscall(SYS_clone, flags | SIGCHLD, nullptr, nullptr, nullptr, nullptr);
  if (pid == 0) _exit(0);
  if (pid > 0) waitpid(static_cast<pid_t>(pid), nullptr, 0);
  return outcome(pid);
}

// clone3 hides its flags behind a pointer.
Outcome clone3_flags(const Words& words) {
  struct {
    uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls;
  } a{};
  a.flags = strtoull(text(words, 1).c_str(), nullptr, 0);
  a.exit_signal = SIGCHLD;
  const long pid = syscall(SYS_clone3, &a, sizeof a);
  if (pid == 0) _exit(0);
  if (pid > 0) waitpid(static_cast<pid_t>(pid), nullptr, 0);
  return outcome(pid);
}

struct Named {
  const char* name;
  Outcome (*run)(const Words&);
};

constexpr std::array kActs = {
    Named{"call", any_call},
    Named{"connect-tcp", connect_tcp},
    Named{"bind-tcp", bind_tcp},
    Named{"send-udp", send_udp},
    Named{"connect-unix", connect_unix},
    Named{"datagram-of-a-pair", datagram_of_a_pair},
    Named{"connect-held", connect_held},
    Named{"fork", fork_child},
    Named{"exec", exec},
    Named{"exec-memory", exec_memory},
    Named{"ptrace", ptrace_attach},
    Named{"executable-memory", executable_memory},
    Named{"memory-made-executable", memory_made_executable},
    Named{"file-mapped-as-code", file_mapped_as_code},
    Named{"old-entry", old_entry},
    Named{"escape", escape},
    Named{"chroot-again", chroot_again},
    Named{"forge-sender", forge_sender},
    Named{"type-into-terminal", type_into_terminal},
    Named{"signal", signal_process},
    Named{"steal-descriptor", steal_descriptor},
    Named{"read-memory", read_memory},
    Named{"clone", clone_flags},
    Named{"clone3", clone3_flags},
};

}  // namespace

Outcome outcome(long result) {
  const int why = errno;
  if (result >= 0) {
    was_trapped();
    return "allowed " + std::to_string(result);
  }
  if (was_trapped()) return "denied seccomp";
  const char* name = strerrorname_np(why);
  return std::string("denied ") + (name == nullptr ? "?" : name);
}

Outcome act(const Words& words) {
  was_trapped();
  for (const Named& a : kActs) {
    if (words.empty() || words[0] != a.name) continue;
    errno = 0;
    return a.run(words);
  }
  return "error no such act";
}

}  // namespace mailkeep::captive
