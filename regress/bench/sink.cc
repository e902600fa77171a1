// Takes messages over SMTP as fast as they come, keeps none, and counts them.
//
//   bench_sink PORT
//
// Prints "ready" when it listens, then answers each line on its standard input: "count" with the number of messages and
// of connections so far, and the nanoseconds (CLOCK_MONOTONIC) when the first message came (0: none). Ends with its
// input.
// SPDX-License-Identifier: ISC
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <map>
#include <string>
#include <string_view>

namespace {

[[noreturn]] void die(const char* what) {
  std::fprintf(stderr, "bench_sink: %s: %s\n", what, std::strerror(errno));
  std::exit(2);
}

int64_t now() {
  struct timespec t {};
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1'000'000'000 + t.tv_nsec;
}

struct Counts {
  uint64_t messages = 0;
  uint64_t connections = 0;
  int64_t first = 0;
};

// One connection: commands, or content up to its end.
class Connection {
 public:
  explicit Connection(int fd) : fd_(fd) { say("220 sink.bench.test ESMTP\r\n"); }
  ~Connection() { ::close(fd_); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // False: it is over.
  bool read_some(Counts& counts) {
    char chunk[65536];
    const ssize_t n = recv(fd_, chunk, sizeof chunk, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return true;
    if (n <= 0) return false;
    in_.append(chunk, static_cast<size_t>(n));
    while (true) {
      if (is_content_) {
        constexpr std::string_view kEnd = "\r\n.\r\n";
        const size_t end = in_.find(kEnd);
        if (end == std::string::npos) {
          if (in_.size() > kEnd.size()) in_.erase(0, in_.size() - kEnd.size());
          break;
        }
        in_.erase(0, end + kEnd.size());
        is_content_ = false;
        if (counts.messages++ == 0) counts.first = now();
        out_ += "250 2.0.0 taken\r\n";
        continue;
      }
      const size_t end = in_.find("\r\n");
      if (end == std::string::npos) break;
      if (!on_command(std::string_view(in_).substr(0, end))) return false;
      in_.erase(0, end + 2);
    }
    say("");
    return true;
  }

 private:
  bool on_command(std::string_view line) {
    const std::string_view verb = line.substr(0, 4);
    if (verb == "QUIT") return say("221 2.0.0 bye\r\n"), false;
    if (verb == "EHLO") {
      out_ += "250-sink.bench.test\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-ENHANCEDSTATUSCODES\r\n250 SIZE 0\r\n";
    } else if (verb == "DATA") {
      is_content_ = true;
      in_.insert(in_.find("\r\n") + 2, "\r\n");  // so that an empty message's end is found too
      out_ += "354 go on\r\n";
    } else {
      out_ += "250 2.0.0 ok\r\n";
    }
    return true;
  }

  void say(std::string_view text) {
    out_ += text;
    while (!out_.empty()) {  // replies are small: a peer that does not read them is none of this bench
      const ssize_t n = send(fd_, out_.data(), out_.size(), MSG_NOSIGNAL);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return out_.clear();
      out_.erase(0, static_cast<size_t>(n));
    }
  }

  int fd_;
  bool is_content_ = false;
  std::string in_;
  std::string out_;
};

int listen_at(uint16_t port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int on = 1;
  struct sockaddr_in at {};
  at.sin_family = AF_INET;
  at.sin_port = htons(port);
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
      bind(fd, reinterpret_cast<struct sockaddr*>(&at), sizeof at) != 0 || listen(fd, 1024) != 0) {
    die("listen");
  }
  return fd;
}

void watch(int poll, int fd) {
  struct epoll_event e {};
  e.events = EPOLLIN;
  e.data.fd = fd;
  if (epoll_ctl(poll, EPOLL_CTL_ADD, fd, &e) != 0) die("epoll_ctl");
}

// False at the end of the input.
bool answer(const Counts& counts) {
  char line[64];
  const ssize_t n = read(STDIN_FILENO, line, sizeof line);
  if (n <= 0) return false;
  std::printf("%llu %llu %lld\n", static_cast<unsigned long long>(counts.messages),
              static_cast<unsigned long long>(counts.connections), static_cast<long long>(counts.first));
  std::fflush(stdout);
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) die("usage: bench_sink PORT");
  const int listener = listen_at(static_cast<uint16_t>(std::strtoul(argv[1], nullptr, 10)));
  const int poll = epoll_create1(EPOLL_CLOEXEC);
  if (poll < 0) die("epoll_create1");
  watch(poll, listener);
  watch(poll, STDIN_FILENO);
  std::puts("ready");
  std::fflush(stdout);
  std::map<int, Connection> connections;
  Counts counts;
  while (true) {
    struct epoll_event events[64];
    const int n = epoll_wait(poll, events, 64, -1);
    for (int i = 0; i < n; i++) {
      const int fd = events[i].data.fd;
      if (fd == STDIN_FILENO) {
        if (!answer(counts)) return 0;
      } else if (fd == listener) {
        const int client = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
        if (client < 0) continue;
        const int on = 1;
        setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        counts.connections++;
        connections.try_emplace(client, client);
        watch(poll, client);
      } else if (!connections.at(fd).read_some(counts)) {
        connections.erase(fd);
      }
    }
  }
}
