// smtpd among peers that say anything, with clients in every state of waiting: see hostile.h.
// SPDX-License-Identifier: ISC
#include <arpa/inet.h>
#include <netinet/in.h>

#include "lib/receive/server.h"

#include "regress/unit/hostile.h"

using namespace mailkeep;
using imsg::Role;

namespace {

class House : public hostile::Peerage {
 public:
  House() {
    words = {"250", "5.1.1", "Ok", "mx", "TLSv1.3", "alice@mk.test"};
    become_parent();
    role_ = std::make_unique<receive::Server>(loop, std::vector<smtpd::Protocol>{smtpd::Protocol::kSmtp});
    smtpd::Config c;
    c.generation = 1;
    c.hostname = "mx.mk.test";
    c.message_size = 1000000;
    c.max_recipients = 100;
    c.max_sessions = 200;
    c.max_sessions_per_source = 200;
    c.max_received = 30;
    c.idle_timeout = 300;
    tell_parent(c);
    smtpd::Listener l;
    l.generation = 1;
    l.name = "test";
    l.pki = {"mx"};
    l.socket.reset(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    address_.sin_family = AF_INET;
    address_.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(bind(l.socket.get(), reinterpret_cast<sockaddr*>(&address_), sizeof address_), 0);
    assert_int_equal(listen(l.socket.get(), 200), 0);
    socklen_t size = sizeof address_;
    assert_int_equal(getsockname(l.socket.get(), reinterpret_cast<sockaddr*>(&address_), &size), 0);
    tell_parent(l);
    commit(1);
    for (const Role peer : {Role::kLookup, Role::kQueue, Role::kTls, Role::kAuth, Role::kControl}) wire({peer, 0});
  }
  // A client that has said `text` and waits.
  void client(const std::string& text) {
    Fd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    assert_int_equal(connect(fd.get(), reinterpret_cast<sockaddr*>(&address_), sizeof address_), 0);
    assert_int_equal(::send(fd.get(), text.data(), text.size(), MSG_NOSIGNAL), static_cast<ssize_t>(text.size()));
    clients_.push_back(std::move(fd));
    turns(6);
  }
  // One in each state that asks something of a peer.
  void crowd() {
    const std::string start = "EHLO c.test\r\nMAIL FROM:<a@remote.test>\r\n";
    client("EHLO c.test\r\nSTARTTLS\r\n");
    client(start + "RCPT TO:<alice@mk.test>\r\nRCPT TO:<bob@mk.test>\r\n");
  }
  // A session that waits for a spool file, or for the queue's answer: lookup must have agreed before.
  void data_client(const std::string& body) {
    const std::string start = "EHLO c.test\r\nMAIL FROM:<a@remote.test>\r\nRCPT TO:<alice@mk.test>\r\n";
    client(start);
    const auto asked = last<lookup::CheckRcpt>({Role::kLookup, 0});
    lookup::RcptVerdict yes;
    yes.session = asked.session;
    yes.query = asked.query;
    yes.code = 250;
    tell({Role::kLookup, 0}, yes);
    turns(4);
    const std::string rest = "DATA\r\n" + body;
    assert_int_equal(::send(clients_.back().get(), rest.data(), rest.size(), MSG_NOSIGNAL),
                     static_cast<ssize_t>(rest.size()));
    turns(10);
  }
  void rows() {
    row<lookup::RcptVerdict>(Role::kLookup);
    row<lookup::PhaseVerdict>(Role::kLookup);
    row<lookup::SenderVerdict>(Role::kLookup);
    row<auth::Checked>(Role::kAuth);
    row<auth::Identified>(Role::kAuth);
    row<queue::Enqueued>(Role::kQueue);
    row<queue::SpoolFile>(Role::kQueue);
    row<tls::Established>(Role::kTls);
    row<tls::Failed>(Role::kTls);
    row<worker::StatsQuery>(Role::kControl);
  }

 private:
  std::unique_ptr<receive::Server> role_;
  sockaddr_in address_{};
  std::vector<Fd> clients_;
};

void anything_from_anybody(void**) {
  House house;
  for (int i = 0; i < 5; i++) house.crowd();
  for (int i = 0; i < 5; i++) {
    house.data_client("Subject: x\r\n\r\nhello\r\n.\r\n");
    house.data_client("Subject: x\r\n\r\n" + std::string(900, 'x') + "\r\n" + [] {
      std::string lines;
      for (int n = 0; n < 100; n++) lines += std::string(900, 'y') + "\r\n";
      return lines;
    }());
  }
  house.rows();
  house.attack(300);
}

// A spool file is written to: nothing but a regular file may be one.
void a_spool_file_is_a_file(void**) {
  for (int kind = 0; kind < 3; kind++) {
    House house;
    std::string lines = "Subject: x\r\n\r\n";
    for (int n = 0; n < 100; n++) lines += std::string(900, 'y') + "\r\n";
    house.data_client(lines);
    const auto need = house.last<queue::NeedSpoolFile>({Role::kQueue, 0});
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    Fd reading(ends[0]);
    Fd writing(ends[1]);
    queue::SpoolFile m;
    m.session = need.session;
    m.message = need.message;
    if (kind == 0) m.file = std::move(writing);
    if (kind == 1) m.file.reset(eventfd(0, EFD_CLOEXEC));
    if (kind == 2) m.file.reset(open("/dev/null", O_RDWR | O_CLOEXEC));
    alarm(10);
    house.tell({Role::kQueue, 0}, m);
    house.turns(8);
    alarm(0);
    assert_true(house.accused({Role::kQueue, 0}));
  }
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {unit_test(anything_from_anybody), unit_test(a_spool_file_is_a_file)};
  return run_unit_tests(tests);
}
