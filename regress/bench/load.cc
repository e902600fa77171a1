// Sends messages over SMTP as fast as the server takes them: so many sessions at once, so many messages in each.
//
//   bench_load --port P [--messages 1000] [--connections 10] [--size 4096] [--accounts 4] [--first 0] [--per-session 1]
//              [--pipeline] [--stamps FILE] [--domain mk.test]
//
// Message n goes to account n modulo --accounts ("a000@DOMAIN" …) and says so in an X-Bench field. Without --pipeline
// each command waits for its reply. With it, MAIL, RCPT and DATA leave together, and the next message's with this one's
// end. Prints one line of key=value; exit 1 unless every message was answered 250. --stamps: a line "n nanoseconds" a
// message, CLOCK_MONOTONIC when its 250 was read.
// SPDX-License-Identifier: ISC
#include <arpa/inet.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace {

struct Options {
  uint16_t port = 0;
  uint64_t messages = 1000;
  uint64_t connections = 10;
  uint64_t size = 4096;
  uint64_t accounts = 4;
  uint64_t first = 0;
  uint64_t per_session = 1;
  bool pipeline = false;
  std::string stamps;
  std::string domain = "mk.test";
};

[[noreturn]] void die(const char* what) {
  std::fprintf(stderr, "bench_load: %s: %s\n", what, std::strerror(errno));
  std::exit(2);
}

int64_t now() {
  struct timespec t {};
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1'000'000'000 + t.tv_nsec;
}

// What all sessions share: what is still to be sent, and what came of it.
struct Run {
  explicit Run(const Options& o) : options(o), stamps(o.messages, 0) {
    while (body.size() < o.size) body += "Lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do eius.\r\n";
  }
  bool take(uint64_t& n) {
    if (next == options.messages) return false;
    n = next++;
    return true;
  }
  Options options;
  std::string body;
  uint64_t next = 0;
  uint64_t accepted = 0;
  uint64_t failed = 0;
  uint64_t sessions = 0;
  std::vector<int64_t> stamps;
};

// greeting → hello → (mail → rcpt → data → content)* → quit
enum class Step { kGreeting, kHello, kMail, kRcpt, kData, kContent, kQuit };

class Session {
 public:
  Session(Run& run, int poll) : run_(run), poll_(poll) { open(); }
  ~Session() { close(); }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  bool is_over() const { return fd_ < 0; }
  void on_ready(uint32_t events) {
    if ((events & EPOLLOUT) != 0) send_some();
    if ((events & ~static_cast<uint32_t>(EPOLLOUT)) != 0) read_some();
  }

 private:
  void open() {
    if (!run_.take(message_)) return;
    run_.sessions++;
    sent_in_session_ = 0;
    in_.clear();
    step_ = Step::kGreeting;
    fd_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in to {};
    to.sin_family = AF_INET;
    to.sin_port = htons(run_.options.port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd_ < 0 || connect(fd_, reinterpret_cast<struct sockaddr*>(&to), sizeof to) != 0) die("connect");
    const int on = 1;
    setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    fcntl(fd_, F_SETFL, O_NONBLOCK);
    watch(EPOLL_CTL_ADD, EPOLLIN);
  }

  void close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }

  void watch(int how, uint32_t events) {
    struct epoll_event e {};
    e.events = events;
    e.data.ptr = this;
    if (epoll_ctl(poll_, how, fd_, &e) != 0) die("epoll_ctl");
  }

  // `out_`, then the shared body from `body_from_` to `body_to_`, then `after_`.
  void send_some() {
    for (;;) {
      struct iovec parts[3] = {{out_.data() + out_at_, out_.size() - out_at_},
                               {run_.body.data() + body_from_, body_to_ - body_from_},
                               {after_.data() + after_at_, after_.size() - after_at_}};
      const size_t left = parts[0].iov_len + parts[1].iov_len + parts[2].iov_len;
      if (left == 0) break;
      struct msghdr msg {};
      msg.msg_iov = parts;
      msg.msg_iovlen = 3;
      const ssize_t n = sendmsg(fd_, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0 && errno == EAGAIN) {
        if (!blocked_) watch(EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
        blocked_ = true;
        return;
      }
      if (n < 0) return lose();
      auto taken = static_cast<size_t>(n);
      const auto eat = [&taken](size_t& at, size_t room) {
        const size_t part = std::min(taken, room);
        at += part;
        taken -= part;
      };
      eat(out_at_, parts[0].iov_len);
      eat(body_from_, parts[1].iov_len);
      eat(after_at_, parts[2].iov_len);
    }
    out_.clear();
    after_.clear();
    out_at_ = after_at_ = body_from_ = body_to_ = 0;
    if (blocked_) watch(EPOLL_CTL_MOD, EPOLLIN);
    blocked_ = false;
  }

  void say(std::string_view text) {
    out_ += text;
    send_some();
  }

  // The connection broke: the message does not count, the next session goes on.
  void lose() {
    run_.failed++;
    again();
  }

  void again() {
    close();
    out_.clear();
    after_.clear();
    out_at_ = after_at_ = body_from_ = body_to_ = 0;
    blocked_ = false;
    open();
  }

  void read_some() {
    char chunk[4096];
    const ssize_t n = recv(fd_, chunk, sizeof chunk, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (n <= 0) return step_ == Step::kQuit ? again() : lose();
    in_.append(chunk, static_cast<size_t>(n));
    size_t end = 0;
    while (fd_ >= 0 && (end = in_.find("\r\n")) != std::string::npos) {
      const std::string line = in_.substr(0, end);
      in_.erase(0, end + 2);
      if (line.size() < 4 || line[3] != '-') on_reply(line);
    }
  }

  std::string envelope() const {
    char address[64];
    std::snprintf(address, sizeof address, "a%03llu@",
                  static_cast<unsigned long long>(number() % run_.options.accounts));
    return std::string(run_.options.pipeline ? "MAIL FROM:<sender@remote.test>\r\nRCPT TO:<" : "RCPT TO:<") + address +
           run_.options.domain + ">\r\n" + (run_.options.pipeline ? "DATA\r\n" : "");
  }

  void send_content() {
    const std::string n = std::to_string(number());
    out_ = "From: Sender <sender@remote.test>\r\nTo: Somebody <somebody@mk.test>\r\nSubject: message " + n +
           "\r\nDate: Mon, 03 Nov 2025 10:00:00 +0000\r\nMessage-ID: <" + n + ".bench@remote.test>\r\nX-Bench: " + n +
           "\r\n\r\n";
    body_from_ = 0;
    body_to_ = run_.options.size > out_.size() ? run_.options.size - out_.size() : 0;
    while (body_to_ % 71 != 0) body_to_--;  // whole lines
    after_ = ".\r\n";
    if (run_.options.pipeline) {
      answered_ = message_;
      sent_in_session_++;
      has_next_ = sent_in_session_ < run_.options.per_session && run_.take(message_);
      after_ += has_next_ ? envelope() : "QUIT\r\n";
    }
    send_some();
  }

  uint64_t number() const { return run_.options.first + message_; }

  void expect(const std::string& line, const char* code) {
    if (line.compare(0, 3, code) == 0) return;
    std::fprintf(stderr, "bench_load: %s where %s was expected\n", line.c_str(), code);
    std::exit(1);
  }

  void on_reply(const std::string& line) {
    switch (step_) {
      case Step::kGreeting:
        expect(line, "220");
        step_ = Step::kHello;
        return say("EHLO client.bench.test\r\n");
      case Step::kHello:
        expect(line, "250");
        step_ = Step::kMail;
        return say(run_.options.pipeline ? envelope() : "MAIL FROM:<sender@remote.test>\r\n");
      case Step::kMail:
        expect(line, "250");
        step_ = Step::kRcpt;
        if (!run_.options.pipeline) say(envelope());
        return;
      case Step::kRcpt:
        expect(line, "250");
        step_ = Step::kData;
        if (!run_.options.pipeline) say("DATA\r\n");
        return;
      case Step::kData:
        expect(line, "354");
        step_ = Step::kContent;
        return send_content();
      case Step::kContent: return on_accepted(line);
      case Step::kQuit: return again();
    }
  }

  void on_accepted(const std::string& line) {
    expect(line, "250");
    run_.stamps[run_.options.pipeline ? answered_ : message_] = now();
    run_.accepted++;
    if (run_.options.pipeline) {
      step_ = has_next_ ? Step::kMail : Step::kQuit;
      return;
    }
    if (++sent_in_session_ < run_.options.per_session && run_.take(message_)) {
      step_ = Step::kMail;
      return say("MAIL FROM:<sender@remote.test>\r\n");
    }
    step_ = Step::kQuit;
    say("QUIT\r\n");
  }

  Run& run_;
  int poll_;
  int fd_ = -1;
  Step step_ = Step::kGreeting;
  uint64_t message_ = 0;
  uint64_t answered_ = 0;  // with --pipeline: whose 250 is awaited
  uint64_t sent_in_session_ = 0;
  bool has_next_ = false;
  bool blocked_ = false;
  std::string in_;
  std::string out_;
  std::string after_;
  size_t out_at_ = 0;
  size_t after_at_ = 0;
  size_t body_from_ = 0;
  size_t body_to_ = 0;
};

Options read_options(int argc, char** argv) {
  Options o;
  static const struct option kLong[] = {
      {"port", 1, nullptr, 'p'},   {"messages", 1, nullptr, 'm'},    {"connections", 1, nullptr, 'c'},
      {"size", 1, nullptr, 's'},   {"accounts", 1, nullptr, 'a'},    {"first", 1, nullptr, 'f'},
      {"stamps", 1, nullptr, 't'}, {"per-session", 1, nullptr, 'n'}, {"pipeline", 0, nullptr, 'P'},
      {"domain", 1, nullptr, 'd'}, {nullptr, 0, nullptr, 0}};
  for (int c = 0; (c = getopt_long(argc, argv, "", kLong, nullptr)) != -1;) {
    const uint64_t n = optarg == nullptr ? 0 : std::strtoull(optarg, nullptr, 10);
    switch (c) {
      case 'p': o.port = static_cast<uint16_t>(n); break;
      case 'm': o.messages = n; break;
      case 'c': o.connections = n; break;
      case 's': o.size = n; break;
      case 'a': o.accounts = n; break;
      case 'f': o.first = n; break;
      case 'n': o.per_session = n; break;
      case 't': o.stamps = optarg; break;
      case 'd': o.domain = optarg; break;
      case 'P': o.pipeline = true; break;
      default: std::exit(2);
    }
  }
  if (o.port == 0 || o.accounts == 0 || o.connections == 0) {
    std::fputs("bench_load: --port is needed, --accounts and --connections are at least 1\n", stderr);
    std::exit(2);
  }
  return o;
}

void write_stamps(const Run& run) {
  FILE* file = std::fopen(run.options.stamps.c_str(), "w");
  if (file == nullptr) die(run.options.stamps.c_str());
  for (uint64_t i = 0; i < run.stamps.size(); i++) {
    std::fprintf(file, "%llu %lld\n", static_cast<unsigned long long>(run.options.first + i),
                 static_cast<long long>(run.stamps[i]));
  }
  if (std::fclose(file) != 0) die(run.options.stamps.c_str());
}

}  // namespace

int main(int argc, char** argv) {
  Run run(read_options(argc, argv));
  const int poll = epoll_create1(EPOLL_CLOEXEC);
  if (poll < 0) die("epoll_create1");
  const int64_t began = now();
  std::vector<std::unique_ptr<Session>> sessions;
  for (uint64_t i = 0; i < run.options.connections; i++) sessions.push_back(std::make_unique<Session>(run, poll));
  for (;;) {
    bool any = false;
    for (const auto& s : sessions) any = any || !s->is_over();
    if (!any) break;
    struct epoll_event events[64];
    const int n = epoll_wait(poll, events, 64, 120'000);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) {
      std::fputs("bench_load: the server said nothing for 120 seconds\n", stderr);
      return 1;
    }
    for (int i = 0; i < n; i++) static_cast<Session*>(events[i].data.ptr)->on_ready(events[i].events);
  }
  const int64_t ended = now();
  if (!run.options.stamps.empty()) write_stamps(run);
  std::printf("accepted=%llu failed=%llu sessions=%llu began=%lld ended=%lld\n",
              static_cast<unsigned long long>(run.accepted), static_cast<unsigned long long>(run.failed),
              static_cast<unsigned long long>(run.sessions), static_cast<long long>(began),
              static_cast<long long>(ended));
  return run.accepted == run.options.messages ? 0 : 1;
}
