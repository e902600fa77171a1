// The relay process' object with the test as queue, lookup and tls, and real servers on loopback: which hosts, in which order,
// and what the queue is told. Then peers that say anything: see hostile.h.
// SPDX-License-Identifier: ISC
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
  Host(const std::string& address, uint16_t port, std::string greeting = "220 hi", std::string offers = "250-h\r\n250 PIPELINING",
       std::string final = "250 2.0.0 kept")
      : greeting_(std::move(greeting)), offers_(std::move(offers)), final_(std::move(final)) {
    const Fd made(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    listener_.reset(fcntl(made.get(), F_DUPFD_CLOEXEC, 10));  // 3 is the role's
    const int on = 1;
    setsockopt(listener_.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    struct sockaddr_in at = {};
    at.sin_family = AF_INET;
    at.sin_port = htons(port);
    inet_pton(AF_INET, address.c_str(), &at.sin_addr);
    if (bind(listener_.get(), reinterpret_cast<struct sockaddr*>(&at), sizeof at) != 0 || listen(listener_.get(), 50) != 0) fatal("bind");
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
    const auto say = [&](const std::string& text) { return send(fd.get(), (text + "\r\n").data(), text.size() + 2, MSG_NOSIGNAL) > 0; };
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
        if (!say(line == "." ? final_ : verb == "EHLO" ? offers_ : verb == "DATA" ? "354 go" : verb == "STAR" ? "220 go" : "250 ok")) return;
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
  explicit House(std::vector<relay::SmartHost> hosts = {}, relay::Tls tls = relay::Tls::kMay, bool sts = false) {
    become_parent();
    role = std::make_unique<relay::Relay>(loop);
    relay::Config config;
    config.generation = 1;
    config.hostname = "mx.mk.test";
    config.mta_sts = sts;
    tell_parent(config);
    relay::Action action;
    action.generation = 1;
    action.name = "out";
    action.tls = tls;
    action.hosts = std::move(hosts);
    tell_parent(action);
    commit(1);
    wire(kQueue);
    wire(kLookup);
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
  lookup::Hops hops(std::vector<lookup::Hop> list, lookup::HopsState state = lookup::HopsState::kFound, const std::string& text = "") {
    if (!until([&] { return heard_of(kLookup, lookup::FindHops::kType) > asked; })) fatal("lookup was not asked");
    ++asked;
    lookup::Hops m;
    m.query = last<lookup::FindHops>(kLookup).query;
    m.state = state;
    m.hops = std::move(list);
    m.text = text;
    return m;
  }
  int asked = 0;
  std::unique_ptr<relay::Relay> role;
};

lookup::Hop hop(const std::string& name, uint32_t preference, std::vector<std::string> addresses) {
  lookup::Hop h;
  h.name = name;
  h.preference = preference;
  h.addresses = std::move(addresses);
  return h;
}

// Nobody at the first one; the second has nobody at its first address and a bad word at its second; the third takes it.
void by_mx_in_order(void**) {
  if (geteuid() != 0) skip();  // port 25
  House house;
  Host rude("127.0.0.32", 25, "554 not today");
  Host good("127.0.0.33", 25);
  house.transfer(1);
  const auto asked = house.hops({hop("a.test", 5, {"127.0.0.31"}), hop("b.test", 10, {"127.0.0.31", "127.0.0.32"}), hop("c.test", 10, {"127.0.0.33"})});
  assert_text(house.last<lookup::FindHops>(kLookup).name, "x.test");
  assert_false(house.last<lookup::FindHops>(kLookup).is_host);
  house.tell(kLookup, asked);
  const auto r = house.result();
  assert_int_equal(r.transfer, 1);
  assert_true(r.results.at(0).outcome == Outcome::kDelivered && r.results[0].number == 4 && r.results[0].code == 250);
  assert_text(r.host, "c.test [127.0.0.33]:25");
  assert_false(r.host_failed);
  assert_int_equal(rude.connections, 1);
  // Again: the connection is there still, and lookup is not asked.
  house.transfer(2);
  assert_true(house.result(2).results.at(0).outcome == Outcome::kDelivered);
  assert_int_equal(good.connections, 1);
  assert_int_equal(good.messages, 2);
  assert_int_equal(house.heard_of(kLookup, lookup::FindHops::kType), 1);
}

void nobody_is_there(void**) {
  House house;
  house.transfer(1);
  house.tell(kLookup, house.hops({hop("a.test", 5, {"127.0.0.31"}), hop("b.test", 10, {})}));
  const auto r = house.result();
  assert_true(r.results.at(0).outcome == Outcome::kTemporary && r.host_failed && r.results[0].code == 0);
  assert_true(r.results[0].text.find("refused") != std::string::npos);
}

void what_lookup_may_say(void**) {
  House house;
  auto say = [&, n = uint64_t{0}](lookup::HopsState state, const std::string& text) mutable {
    house.transfer(++n);
    house.tell(kLookup, house.hops({}, state, text));
    const auto r = house.result(static_cast<int>(n));
    assert_text(r.results.at(0).text, text);
    return r;
  };
  auto r = say(lookup::HopsState::kNoDomain, "no such domain");
  assert_true(r.results[0].outcome == Outcome::kPermanent && !r.host_failed);
  assert_text(r.results[0].enhanced, "5.1.2");
  r = say(lookup::HopsState::kNullMx, "takes no mail");
  assert_true(r.results[0].outcome == Outcome::kPermanent);
  assert_text(r.results[0].enhanced, "5.1.10");
  r = say(lookup::HopsState::kTemporary, "SERVFAIL");
  assert_true(r.results[0].outcome == Outcome::kTemporary && r.host_failed);
  house.transfer(4);
  house.tell(kLookup, house.hops({}, lookup::HopsState::kLoop, "loops back"));
  r = house.result(4);
  assert_true(r.results.at(0).outcome == Outcome::kPermanent);
  assert_text(r.results[0].enhanced, "5.4.6");
  house.transfer(5);
  house.transfer(6, "[127.0.0.300]");
  r = house.result(5);
  assert_true(r.transfer == 6 && r.results.at(0).outcome == Outcome::kPermanent);
  house.transfer(7, "x.test", "gone");
  r = house.result(6);
  assert_true(r.transfer == 7 && r.results.at(0).outcome == Outcome::kTemporary && !r.host_failed);
}

void a_smart_host_by_name(void**) {
  Host host("127.0.0.1", 0);
  House house({{"dead.test", 25, false, false, "", ""}, {"smart.test", host.port(), false, false, "", ""}});
  house.transfer(1);
  house.tell(kLookup, house.hops({}, lookup::HopsState::kNoDomain, "no such name"));
  const auto second = house.hops({hop("smart.test", 0, {"127.0.0.1"})});
  const auto asked = house.last<lookup::FindHops>(kLookup);
  assert_text(asked.name, "smart.test");
  assert_true(asked.is_host && asked.port == host.port());
  house.tell(kLookup, second);
  assert_true(house.result().results.at(0).outcome == Outcome::kDelivered);
  house.transfer(2, "other.test");  // another domain, the same way
  assert_true(house.result(2).results.at(0).outcome == Outcome::kDelivered);
  assert_int_equal(host.connections, 1);
}

// The end of the connection instead of an answer: the message may be there, so no other host gets it.
void lost_after_the_dot(void**) {
  Host vague("127.0.0.1", 0, "220 hi", "250 h", "");
  Host other("127.0.0.1", 0);
  House house({{"127.0.0.1", vague.port(), false, false, "", ""}, {"127.0.0.1", other.port(), false, false, "", ""}});
  house.transfer(1);
  const auto r = house.result();
  assert_true(r.results.at(0).outcome == Outcome::kTemporary && !r.host_failed);
  assert_int_equal(vague.messages, 1);
  assert_int_equal(other.messages, 0);
}

void tls_that_fails(void**) {
  Host host("127.0.0.1", 0, "220 hi", "250-h\r\n250 STARTTLS");
  {
    House house({{"127.0.0.1", host.port(), false, false, "", ""}});
    house.transfer(1);  // no tls process: our own trouble is no reason for plaintext
    const auto r = house.result();
    assert_true(r.results.at(0).outcome == Outcome::kTemporary && r.host_failed);
    assert_text(r.results[0].enhanced, "4.7.5");
    assert_int_equal(host.messages, 0);
  }
  House house({{"127.0.0.1", host.port(), false, false, "", ""}});
  house.wire(kTls);
  const auto refuse = [&](int count) {
    assert_true(house.until([&] { return house.heard_of(kTls, tls::Connect::kType) >= count; }));
    tls::Failed failed;
    failed.session = house.last<tls::Connect>(kTls).session;
    failed.text = "handshake failure";
    house.tell(kTls, failed);
  };
  house.transfer(1);
  refuse(1);
  assert_true(house.result().results.at(0).outcome == Outcome::kDelivered);
  assert_int_equal(host.messages, 1);
  House strict({{"127.0.0.1", host.port(), false, false, "", ""}}, relay::Tls::kVerify);
  strict.wire(kTls);
  strict.transfer(1);
  assert_true(strict.until([&] { return strict.heard_of(kTls, tls::Connect::kType) >= 1; }));
  const auto connect = strict.last<tls::Connect>(kTls);
  assert_true(connect.check == tls::Check::kAuthority);
  assert_text(connect.names.at(0), "127.0.0.1");
  assert_text(connect.servername, "127.0.0.1");
  tls::Failed failed;
  failed.session = connect.session;
  failed.text = "name `127.0.0.1' not present";
  strict.tell(kTls, failed);
  const auto r = strict.result();
  assert_true(r.results.at(0).outcome == Outcome::kTemporary && r.host_failed);
  assert_text(r.results[0].text, "TLS: name `127.0.0.1' not present; policy: verify by action (tls of the action)");
  assert_int_equal(host.messages, 1);
}

void anything_from_anybody(void**) {
  House house({}, relay::Tls::kMay, true);
  house.wire(kTls);
  house.wire({Role::kControl, 0});
  house.words = {"out", "x.test", "b@x.test", "a@mk.test", "mx.x.test"};
  house.row<relay::Transfer>(kQueue);
  house.row<lookup::Hops>(kLookup);
  house.row<tls::Established>(kTls);
  house.row<tls::Failed>(kTls);
  house.row<relay::ShowTlsPolicy>(Role::kControl);
  house.row<relay::ShowDelivery>(Role::kControl);
  house.row<lookup::Texts>(kLookup);
  house.row<queue::NoteFound>(kQueue);
  house.row<worker::StatsQuery>(Role::kControl);
  house.attack(150);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {unit_test(by_mx_in_order),     unit_test(nobody_is_there), unit_test(what_lookup_may_say),
                              unit_test(a_smart_host_by_name), unit_test(lost_after_the_dot), unit_test(tls_that_fails),
                              unit_test(anything_from_anybody)};
  return run_unit_tests(tests);
}
