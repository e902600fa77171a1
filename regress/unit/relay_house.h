// The relay process' object with the test as queue, lookup and tls, and real servers on loopback.
// SPDX-License-Identifier: ISC
#pragma once

#include "smtpd/relay/relay.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <atomic>
#include <mutex>
#include <thread>

#include "regress/unit/hostile.h"

using namespace mailkeep;
using imsg::Role;
using relay::Outcome;

namespace {

constexpr imsg::PeerId kQueue{Role::kQueue, 0}, kLookup{Role::kLookup, 0}, kTls{Role::kTls, 0};
const std::string kBody = "Subject: x\r\n\r\nhello\r\n";

// Polite, but for what it is told to say. Port 0: any.
class Host {
 public:
  Host(const std::string& address, uint16_t port, std::string greeting = "220 hi",
       std::string offers = "250-h\r\n250 PIPELINING", std::string final = "250 2.0.0 kept")
      : greeting_(std::move(greeting)), offers_(std::move(offers)), final_(std::move(final)) {
    const Fd made(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    listener_.reset(fcntl(made.get(), F_DUPFD_CLOEXEC, 10));  // 3 is the role's
    const int on = 1;
    setsockopt(listener_.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    struct sockaddr_in at = {};
    at.sin_family = AF_INET;
    at.sin_port = htons(port);
    inet_pton(AF_INET, address.c_str(), &at.sin_addr);
    if (bind(listener_.get(), reinterpret_cast<struct sockaddr*>(&at), sizeof at) != 0 ||
        listen(listener_.get(), 50) != 0)
      fatal("bind");
    socklen_t length = sizeof at;
    getsockname(listener_.get(), reinterpret_cast<struct sockaddr*>(&at), &length);
    port_ = ntohs(at.sin_port);
    thread_ = std::thread([this] { run(); });
  }
  ~Host() {
    shutdown(listener_.get(), SHUT_RDWR);
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      for (const int fd : open_) shutdown(fd, SHUT_RDWR);
    }
    thread_.join();
    for (auto& t : sessions_) t.join();
  }
  uint16_t port() const { return port_; }
  std::atomic<int> connections{0}, messages{0};
  std::atomic<bool> holds{false};  // its answer to a message

 private:
  void run() {
    for (;;) {
      const int fd = accept(listener_.get(), nullptr, nullptr);
      if (fd < 0) return;
      ++connections;
      const std::lock_guard<std::mutex> lock(mutex_);
      open_.push_back(fd);
      sessions_.emplace_back([this, fd] { session(Fd(dup(fd))), close(fd); });
    }
  }
  void session(const Fd& fd) {
    const auto say = [&](const std::string& text) {
      return send(fd.get(), (text + "\r\n").data(), text.size() + 2, MSG_NOSIGNAL) > 0;
    };
    say(greeting_);
    std::string in;
    bool data = false;
    for (char chunk[4096];;) {
      const ssize_t n = recv(fd.get(), chunk, sizeof chunk, 0);
      if (n <= 0) return;
      in.append(chunk, static_cast<size_t>(n));
      for (size_t end = in.find("\r\n"); end != std::string::npos; end = in.find("\r\n")) {
        const std::string line = in.substr(0, end);
        in.erase(0, end + 2);
        if (data && line != ".") continue;
        const std::string verb = line.substr(0, 4);
        if (line == ".") data = false, ++messages;
        if (line == "DATA") data = true;
        if (line == "." && final_.empty()) return void(shutdown(fd.get(), SHUT_RDWR));
        while (line == "." && holds) usleep(1000);
        if (!say(line == "."      ? final_
                 : verb == "EHLO" ? offers_
                 : verb == "DATA" ? "354 go"
                 : verb == "STAR" ? "220 go"
                                  : "250 ok"))
          return;
      }
    }
  }
  std::string greeting_, offers_, final_;
  Fd listener_;
  uint16_t port_ = 0;
  std::thread thread_;
  std::mutex mutex_;
  std::vector<int> open_;
  std::vector<std::thread> sessions_;
};

struct House : hostile::Peerage {
  explicit House(std::vector<relay::SmartHost> hosts = {}, relay::Tls tls = relay::Tls::kMay, bool sts = false,
                 relay::Learn learn = relay::Learn::kOff)
      : smart_hosts(std::move(hosts)) {
    become_parent();
    role = std::make_unique<relay::Relay>(loop);
    config.hostname = "mx.mk.test";
    config.mta_sts = sts;
    config.learn = learn;
    configure(tls);
    wire(kQueue);
    wire(kLookup);
    recalled = heard_of(kQueue, queue::FindNote::kType);  // of scores
  }
  // The next generation.
  void configure(relay::Tls tls) {
    config.generation++;
    tell_parent(config);
    relay::Action action;
    action.generation = config.generation;
    action.name = "out";
    action.tls = tls;
    action.hosts = smart_hosts;
    tell_parent(action);
    commit(config.generation);
  }
  void transfer(uint64_t number, const std::string& domain = "x.test", const std::string& action = "out") {
    relay::Transfer t;
    t.transfer = number;
    t.message = 0x77;
    t.action = action;
    t.domain = domain;
    t.sender = "a@mk.test";
    t.recipients.push_back({4, {"b@" + domain, {}}});
    t.size = kBody.size();
    t.content.reset(memfd_create("body", MFD_CLOEXEC));
    if (pwrite(t.content.get(), kBody.data(), kBody.size(), 0) < 0) fatal("pwrite");
    tell(kQueue, t);
    turns(6);
  }
  template <class F>
  bool until(F condition) {
    for (int i = 0; i < 1000 && !condition(); i++) {
      turns(4);
      usleep(5000);
    }
    return condition();
  }
  relay::Transferred result(int count = 1) {
    if (!until([&] { return heard_of(kQueue, relay::Transferred::kType) >= count; })) fatal("no result");
    return last<relay::Transferred>(kQueue);
  }
  lookup::Hops hops(std::vector<lookup::Hop> list, lookup::HopsState state = lookup::HopsState::kFound,
                    const std::string& text = "") {
    if (!until([&] { return heard_of(kLookup, lookup::FindHops::kType) > asked; })) fatal("lookup was not asked");
    ++asked;
    lookup::Hops m;
    m.query = last<lookup::FindHops>(kLookup).query;
    m.state = state;
    m.hops = std::move(list);
    m.text = text;
    return m;
  }
  // What the queue's disk says, when it is asked the next time.
  template <class M>
  void remember(queue::NoteKind kind, const std::string& name, const M* kept) {
    if (!until([&] { return heard_of(kQueue, queue::FindNote::kType) > recalled; })) fatal("the queue was not asked");
    ++recalled;
    queue::NoteFound m;
    m.kind = kind;
    m.name = name;
    m.found = kept != nullptr;
    imsg::Encoder e;
    if (kept != nullptr) M::fields(e, *kept);
    m.value = std::move(e.bytes());
    tell(kQueue, m);
    turns(6);
  }
  int asked = 0, recalled = 0;
  relay::Config config;
  std::vector<relay::SmartHost> smart_hosts;
  std::unique_ptr<relay::Relay> role;
};

inline lookup::Hop hop(const std::string& name, uint32_t preference, std::vector<std::string> addresses) {
  lookup::Hop h;
  h.name = name;
  h.preference = preference;
  h.addresses = std::move(addresses);
  return h;
}

}  // namespace
