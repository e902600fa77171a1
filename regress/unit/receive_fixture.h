// A receiving process without the process: the test is its parent, its lookup, queue, tls and auth, and its clients.
// SPDX-License-Identifier: ISC
#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>

#include "lib/receive/server.h"
#include "lib/smtp/reply.h"

#include "regress/unit/unit.h"

namespace {

using namespace mailkeep;

template <class M>
void put(int fd, const M& m) {
  imsg::Encoder e;
  M::fields(e, m);
  assert_true(imsg::write_frame(fd, M::kType, e.bytes(), e.fds()));
}

// What the queue was told of refusals, which it does not answer: they are no business of most tests.
std::vector<queue::Refusal> refusals;

bool is_refusal(int fd) {
  char head[8];
  uint16_t type = 0;
  if (recv(fd, head, sizeof head, MSG_PEEK | MSG_DONTWAIT) != sizeof head) return false;
  memcpy(&type, head + 4, sizeof type);
  return type == queue::Refusal::kType;
}

bool has_frame(int fd) {
  for (;;) {
    pollfd p{fd, POLLIN, 0};
    if (poll(&p, 1, 0) != 1) return false;
    if (!is_refusal(fd)) return true;
    auto frame = imsg::read_frame(fd);
    assert_true(frame);
    assert_true(imsg::decode(frame->body, frame->fds, refusals.emplace_back()));
  }
}

template <class M>
M get(int fd) {
  assert_true(has_frame(fd));  // it is there already, or the test would wait for ever
  auto frame = imsg::read_frame(fd);
  assert_true(frame);
  assert_int_equal(frame->type, M::kType);
  M m;
  assert_true(imsg::decode(frame->body, frame->fds, m));
  return m;
}

struct Client {
  Fd fd;
  std::string heard;  // not yet looked at
  bool ended = false;
};

// The server will close descriptor 3 as its own: nothing else may have come to lie there.
struct Descriptor3 {
  Descriptor3() {
    if (fcntl(worker::kParentFd, F_GETFD) >= 0) return;
    Fd null(open("/dev/null", O_RDWR | O_CLOEXEC));
    if (null.get() == worker::kParentFd) {
      static_cast<void>(null.release());
    } else {
      assert_int_equal(dup2(null.get(), worker::kParentFd), worker::kParentFd);
    }
  }
};

struct House {
  explicit House(smtpd::Protocol speaks = smtpd::Protocol::kSmtp, std::vector<std::string> pki = {})
      : protocol(speaks) {
    Fd theirs = pair(parent);
    assert_int_equal(dup2(theirs.get(), worker::kParentFd), worker::kParentFd);
    server.reset(new receive::Server(loop, {speaks}));
    config.generation = 1;
    config.hostname = "mx.mk.test";
    config.message_size = 1000000;
    config.max_recipients = 5;
    config.max_sessions = 10;
    config.max_sessions_per_source = 4;
    config.max_received = 3;
    config.max_sessions_per_network = 1000;
    config.idle_timeout = 300;
    config.busy_timeout = 100;
    listener_pki = std::move(pki);
    assert_text(configure(), "");
    wire(imsg::Role::kLookup, lookup);
    wire(imsg::Role::kQueue, queue);
    wire(imsg::Role::kTls, tls);
    wire(imsg::Role::kAuth, auth);
  }

  static Fd pair(Fd& ours) {
    int p[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, p), 0);
    ours.reset(p[0]);
    return Fd(p[1]);
  }
  void wire(imsg::Role role, Fd& ours) {
    worker::Wire w;
    w.role = role;
    w.channel = pair(ours);
    put(parent.get(), w);
    turns();
  }

  // The next generation; what Prepared said, empty when it was committed.
  std::string configure(smtpd::Protocol as) {
    put(parent.get(), config);
    smtpd::Listener l;
    l.generation = config.generation;
    l.id = 1;
    l.protocol = as;
    l.name = "test";
    l.pki = listener_pki;
    l.trusted = trusted;
    l.proxies = proxies;
    l.xclients = xclients;
    l.phases = phases;
    l.socket.reset(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    const int on = 1;  // as the parent does: a second small reply must not wait for the client's acknowledgement
    assert_int_equal(setsockopt(l.socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on), 0);
    sockaddr_in a{};
    a.sin_family = AF_INET;
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(bind(l.socket.get(), reinterpret_cast<sockaddr*>(&a), sizeof a), 0);
    assert_int_equal(listen(l.socket.get(), 50), 0);
    socklen_t size = sizeof a;
    assert_int_equal(getsockname(l.socket.get(), reinterpret_cast<sockaddr*>(&a), &size), 0);
    put(parent.get(), l);
    worker::Prepare p;
    p.generation = config.generation;
    put(parent.get(), p);
    turns();
    const auto done = get<worker::Prepared>(parent.get());
    if (!done.ok) return done.text;
    worker::Commit c;
    c.generation = config.generation++;
    put(parent.get(), c);
    turns();
    address = a;
    return "";
  }
  std::string configure() { return configure(protocol); }

  void turns(size_t n = 12) {
    for (size_t i = 0; i < n; i++) loop.turn(false);
  }

  Client dial() {
    Client c;
    c.fd.reset(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const int on = 1;
    assert_int_equal(setsockopt(c.fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on), 0);
    assert_int_equal(connect(c.fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    turns();
    return c;
  }
  // With the greeting and EHLO (LHLO) behind it.
  Client greeted() {
    Client c = dial();
    expect(c, "220 mx.mk.test");
    say(c, protocol == smtpd::Protocol::kLmtp ? "LHLO client.test\r\n" : "EHLO client.test\r\n");
    assert_true(hear(c).find("250 HELP\r\n") != std::string::npos);
    c.heard.clear();
    return c;
  }

  void say(Client& c, std::string_view text) {
    const size_t reads = text.size() / event::Stream::kReadChunk;
    while (!text.empty()) {
      const ssize_t n = send(c.fd.get(), text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      if (n > 0) text.remove_prefix(static_cast<size_t>(n));
      if (n < 0) assert_true(errno == EAGAIN || errno == EWOULDBLOCK);
      turns();
    }
    turns(2 * reads);
  }
  // All that has come and was not looked at.
  const std::string& hear(Client& c) {
    turns();
    char buffer[4096];
    for (;;) {
      const ssize_t n = recv(c.fd.get(), buffer, sizeof buffer, MSG_DONTWAIT);
      if (n > 0) c.heard.append(buffer, static_cast<size_t>(n));
      if (n == 0 || (n < 0 && errno == ECONNRESET)) c.ended = true;
      if (n <= 0) return c.heard;
    }
  }
  // The next reply line starts with `start`.
  void expect(Client& c, std::string_view start) {
    hear(c);
    const size_t end = c.heard.find("\r\n");
    assert_text(c.heard.substr(0, std::min(start.size(), end)), start);
    if (end != std::string::npos) expect_enhanced(c.heard.substr(0, end));
    c.heard.erase(0, end + 2);
  }
  // RFC 2034 4: every reply has an enhanced code, but those to EHLO and HELO, the greeting and what asks for more. All
  // that any test hears is looked at.
  static void expect_enhanced(const std::string& line) {
    for (const char* other : {"220 mx.mk.test", "250-", "250 HELP", "250 mx.mk.test", "354 ", "334 "}) {
      if (line.starts_with(other)) return;
    }
    const auto reply = smtp::parse_reply_line(line);
    if (!reply || reply->enhanced.empty() || reply->text.empty() || line.size() > 510)  // RFC 5321 4.5.3.1.5
      fail_msg("no enhanced code of its class, no words or too many: %s", line.c_str());
  }
  void expect_silence(Client& c) { assert_text(hear(c), ""); }

  // Who is not at localhost is asked about when its session begins; nobody here has a name.
  void answer_names() {
    while (has_frame(lookup.get())) {
      const auto q = get<mailkeep::lookup::FindName>(lookup.get());
      mailkeep::lookup::ClientName m;
      m.session = q.session;
      m.state = mailkeep::lookup::NameState::kNone;
      put(lookup.get(), m);
    }
    turns();
  }
  lookup::CheckRcpt asked() { return get<lookup::CheckRcpt>(lookup.get()); }
  void verdict(const lookup::CheckRcpt& q, uint16_t code = 250) {
    lookup::RcptVerdict v;
    v.session = q.session;
    v.query = q.query;
    v.code = code;
    v.enhanced = code == 250 ? "2.1.5" : code >= 500 ? "5.1.1" : "4.3.0";
    v.text = "verdict on " + q.recipient;
    put(lookup.get(), v);
    turns();
  }
  void enqueued(const mailkeep::queue::Enqueue& m, uint16_t code = 250) {
    mailkeep::queue::Enqueued e;
    e.session = m.session;
    e.message = m.message;
    e.code = code;
    e.enhanced = code == 250 ? "2.0.0" : "4.3.1";
    e.text = code == 250 ? "Ok" : "disk is full";
    put(queue.get(), e);
    turns();
  }
  mailkeep::queue::Enqueue submitted() { return get<mailkeep::queue::Enqueue>(queue.get()); }

  // MAIL and RCPT for each of `to`, all accepted.
  void begin(Client& c, std::vector<std::string> to = {"alice@mk.test"}) {
    say(c, "MAIL FROM:<sender@client.test>\r\n");
    expect(c, "250 2.1.0");
    for (const auto& address_of_one : to) {
      say(c, "RCPT TO:<" + address_of_one + ">\r\n");
      verdict(asked());
      expect(c, "250 2.1.5");
    }
  }

  smtpd::Protocol protocol;
  std::vector<std::string> listener_pki;
  std::vector<std::string> trusted, proxies, xclients;
  uint16_t phases = 0;  // in which lookup is asked for filters
  smtpd::Config config;
  Descriptor3 descriptor3;  // before the loop
  event::Loop loop;
  Fd parent;
  Fd lookup;
  Fd queue;
  Fd tls;
  Fd auth;
  sockaddr_in address{};
  std::unique_ptr<receive::Server> server;
};

inline std::string read_all(int fd) {
  std::string out;
  char buffer[65536];
  for (;;) {
    const ssize_t n = pread(fd, buffer, sizeof buffer, static_cast<off_t>(out.size()));
    assert_true(n >= 0);
    if (n == 0) return out;
    out.append(buffer, static_cast<size_t>(n));
  }
}

// What stands behind the one Received field that the server puts first.
[[maybe_unused]] inline std::string body_of(const std::string& content) {
  assert_text(content.substr(0, 14), "Received: from");
  size_t at = 0;
  do {
    at = content.find("\r\n", at) + 2;
  } while (at < content.size() && content[at] == '\t');
  return content.substr(at);
}

}  // namespace
