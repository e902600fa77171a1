// The captive's life: see captive.h.
// SPDX-License-Identifier: ISC
#include "regress/captive/captive.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <ucontext.h>
#include <unistd.h>

#include "lib/base/text.h"

namespace mailkeep::captive {

namespace {

constexpr size_t kMaxLine = 4 * 1024 * 1024;

volatile sig_atomic_t trapped = 0;

void on_sigsys(int, siginfo_t*, void* context) {
  trapped = 1;
  auto* at = static_cast<ucontext_t*>(context);
#if defined(__x86_64__)
  at->uc_mcontext.gregs[REG_RAX] = -ENOSYS;
#elif defined(__aarch64__)
  at->uc_mcontext.regs[0] = static_cast<unsigned long long>(-ENOSYS);
#else
#error "how does a signal handler set a system call's result here?"
#endif
}

struct State {
  Fd line;
  std::string in;
  worker::Peers* peers = nullptr;
  std::unique_ptr<event::Watch> watch;
};

State& state() {
  static State s;
  return s;
}

std::string socket_path() {
  char path[4096];
  const ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
  if (n <= 0) return "";
  std::string out(path, static_cast<size_t>(n));
  out.resize(out.rfind('/'));
  return out + "/captive.sock";
}

void say(const std::string& text) {
  std::string rest = text + "\n";
  while (!rest.empty()) {
    const ssize_t n = send(state().line.get(), rest.data(), rest.size(), MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return;
    rest.erase(0, static_cast<size_t>(n));
  }
}

Outcome obey(const std::string& line) {
  const Words words = split_words(line);
  if (words.empty()) return "error no command";
  if (words[0] == "act") return act(Words(words.begin() + 1, words.end()));
  if (words[0] == "traps") return was_trapped() ? "yes" : "no";
  if (state().peers == nullptr) return "error no peers";
  return peers_command(*state().peers, words);
}

void on_ready() {
  char chunk[65536];
  const ssize_t n = recv(state().line.get(), chunk, sizeof chunk, MSG_DONTWAIT);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (n <= 0 || state().in.size() > kMaxLine) {
    state().watch.reset();
    state().line.reset();
    return;
  }
  state().in.append(chunk, static_cast<size_t>(n));
  for (size_t end = state().in.find('\n'); end != std::string::npos; end = state().in.find('\n')) {
    const std::string line = state().in.substr(0, end);
    state().in.erase(0, end + 1);
    say(obey(line));
  }
}

}  // namespace

void catch_traps() {
  struct sigaction action {};
  action.sa_sigaction = on_sigsys;
  action.sa_flags = SA_SIGINFO | SA_NODEFER;
  if (sigaction(SIGSYS, &action, nullptr) != 0) fatal("captive: sigaction");
}

bool was_trapped() {
  const bool was = trapped != 0;
  trapped = 0;
  return was;
}

Words split_words(const std::string& line) {
  Words out;
  for (const auto word : split(line, ' ')) {
    if (!word.empty()) out.emplace_back(word);
  }
  return out;
}

void arm(const worker::Boot& boot) {
  Fd line(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  struct sockaddr_un at {};
  at.sun_family = AF_UNIX;
  const std::string path = socket_path();
  if (!line || path.size() >= sizeof at.sun_path) fatal("captive: no socket");
  path.copy(at.sun_path, sizeof at.sun_path - 1);
  catch_traps();
  if (connect(line.get(), reinterpret_cast<struct sockaddr*>(&at), sizeof at) != 0) return;
  state().line = std::move(line);
  say(std::string(imsg::role_name(boot.role)) + " " + std::to_string(boot.instance) + " " + std::to_string(getpid()) +
      " " + (boot.account.empty() ? "-" : boot.account));
}

void serve(event::Loop& loop, worker::Peers& peers) {
  State& s = state();
  if (!s.line) return;
  s.peers = &peers;
  s.watch = std::make_unique<event::Watch>(loop, s.line.get(), [](unsigned) { on_ready(); });
  s.watch->want(event::Watch::kRead);
}

}  // namespace mailkeep::captive
