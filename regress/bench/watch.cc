// Sees messages appear in mailboxes, and says when.
//
//   bench_watch imap PORT ACCOUNT...    an IMAP session a account that idles in its INBOX; password "secret-ACCOUNT"
//   bench_watch maildir DIRECTORY...    what is moved into DIRECTORY/new, by inotify
//
// Says "ready" when it watches, then at the end of its input (or at SIGTERM) one line for each change that it has seen:
// for imap "ACCOUNT NUMBER-OF-MESSAGES NANOSECONDS", for maildir "PATH NANOSECONDS" (CLOCK_MONOTONIC when it was read).
// A line "count" on its input is answered with how many messages it has seen appear so far.
// SPDX-License-Identifier: ISC
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace {

[[noreturn]] void die(const std::string& what) {
  std::fprintf(stderr, "bench_watch: %s: %s\n", what.c_str(), std::strerror(errno));
  std::exit(2);
}

int64_t now() {
  struct timespec t {};
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1'000'000'000 + t.tv_nsec;
}

struct Seen {
  std::string what;
  int64_t when;
};

struct Mailbox {
  int fd = -1;
  std::string account;
  std::string in;
  uint64_t messages = 0;
};

class Watcher {
 public:
  virtual ~Watcher() = default;
  virtual std::vector<int> descriptors() const = 0;
  virtual void on_ready(int fd) = 0;
  uint64_t count = 0;
  std::vector<Seen> seen;
};

class Imap : public Watcher {
 public:
  Imap(uint16_t port, const std::vector<std::string>& accounts) {
    for (const auto& account : accounts) enter(port, account);
  }

  std::vector<int> descriptors() const override {
    std::vector<int> out;
    for (const auto& m : mailboxes_) out.push_back(m.fd);
    return out;
  }

  void on_ready(int fd) override {
    const auto m = std::find_if(mailboxes_.begin(), mailboxes_.end(), [fd](const Mailbox& x) { return x.fd == fd; });
    read_some(*m);
    const int64_t when = now();
    for (std::string line; next_line(*m, line);) {
      if (!line.starts_with("* ") || !line.ends_with(" EXISTS")) continue;
      const uint64_t n = std::strtoull(line.c_str() + 2, nullptr, 10);
      count += n - m->messages;
      m->messages = n;
      seen.push_back({m->account + " " + std::to_string(n), when});
    }
  }

 private:
  void enter(uint16_t port, const std::string& account) {
    Mailbox m;
    m.account = account;
    m.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in to {};
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (m.fd < 0 || connect(m.fd, reinterpret_cast<struct sockaddr*>(&to), sizeof to) != 0) die("connect");
    command(m, "", "* OK");
    command(m, "a LOGIN " + account + " secret-" + account, "a OK");
    command(m, "b SELECT INBOX", "b OK");
    command(m, "c IDLE", "+ ");
    mailboxes_.push_back(std::move(m));
  }

  void command(Mailbox& m, const std::string& text, std::string_view until) {
    if (!text.empty() && send(m.fd, (text + "\r\n").data(), text.size() + 2, MSG_NOSIGNAL) < 0) die(text);
    for (std::string line;;) {
      while (!next_line(m, line)) read_some(m);
      if (line.starts_with("* ") && line.ends_with(" EXISTS"))
        m.messages = std::strtoull(line.c_str() + 2, nullptr, 10);
      if (line.starts_with(until)) return;
      if (!line.starts_with("* ")) {
        errno = EPROTO;
        die(text + ": " + line);
      }
    }
  }

  static void read_some(Mailbox& m) {
    char chunk[16384];
    const ssize_t n = recv(m.fd, chunk, sizeof chunk, 0);
    if (n < 0 && errno == EINTR) return;
    if (n == 0) errno = EPIPE;
    if (n <= 0) die("IMAP session of " + m.account);
    m.in.append(chunk, static_cast<size_t>(n));
  }

  static bool next_line(Mailbox& m, std::string& line) {
    const size_t end = m.in.find("\r\n");
    if (end == std::string::npos) return false;
    line = m.in.substr(0, end);
    m.in.erase(0, end + 2);
    return true;
  }

  std::vector<Mailbox> mailboxes_;
};

class Maildir : public Watcher {
 public:
  explicit Maildir(const std::vector<std::string>& directories) : fd_(inotify_init1(IN_CLOEXEC)) {
    if (fd_ < 0) die("inotify_init1");
    for (const auto& d : directories) {
      const int watch = inotify_add_watch(fd_, (d + "/new").c_str(), IN_MOVED_TO | IN_CREATE);
      if (watch < 0) die(d + "/new");
      names_[watch] = d + "/new/";
    }
  }

  std::vector<int> descriptors() const override { return {fd_}; }

  void on_ready(int fd) override {
    alignas(struct inotify_event) char buffer[65536];
    const ssize_t n = read(fd, buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) return;
    if (n <= 0) die("inotify");
    const int64_t when = now();
    for (ssize_t at = 0; at < n;) {
      const auto* e = reinterpret_cast<const struct inotify_event*>(buffer + at);
      if ((e->mask & IN_Q_OVERFLOW) != 0) {
        errno = EOVERFLOW;
        die("inotify");
      }
      count++;
      seen.push_back({names_[e->wd] + e->name, when});
      at += static_cast<ssize_t>(sizeof *e + e->len);
    }
  }

 private:
  int fd_;
  std::map<int, std::string> names_;
};

// Answers "count"; false at the end of input.
bool on_input(const Watcher& watcher) {
  char text[64];
  const ssize_t n = read(STDIN_FILENO, text, sizeof text);
  if (n <= 0) return false;
  for (ssize_t i = 0; i < n; i++) {
    if (text[i] == '\n') std::printf("%llu\n", static_cast<unsigned long long>(watcher.count));
  }
  std::fflush(stdout);
  return true;
}

void run(Watcher& watcher) {
  std::puts("ready");
  std::fflush(stdout);
  std::vector<struct pollfd> polled = {{STDIN_FILENO, POLLIN, 0}};
  for (const int fd : watcher.descriptors()) polled.push_back({fd, POLLIN, 0});
  for (;;) {
    if (poll(polled.data(), polled.size(), -1) < 0 && errno != EINTR) die("poll");
    for (size_t i = 1; i < polled.size(); i++) {
      if (polled[i].revents != 0) watcher.on_ready(polled[i].fd);
    }
    if (polled[0].revents != 0 && !on_input(watcher)) break;
  }
  for (const Seen& s : watcher.seen) std::printf("%s %lld\n", s.what.c_str(), static_cast<long long>(s.when));
}

}  // namespace

int main(int argc, char** argv) {
  const std::string mode = argc > 2 ? argv[1] : "";
  std::vector<std::string> names(argv + std::min(argc, mode == "imap" ? 3 : 2), argv + argc);
  if (mode == "imap") {
    Imap watcher(static_cast<uint16_t>(std::strtoul(argv[2], nullptr, 10)), names);
    run(watcher);
  } else if (mode == "maildir") {
    Maildir watcher(names);
    run(watcher);
  } else {
    std::fputs("usage: bench_watch imap PORT ACCOUNT... | maildir DIRECTORY...\n", stderr);
    return 2;
  }
  return 0;
}
