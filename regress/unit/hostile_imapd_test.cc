// imapd among peers that say anything, with clients in every state of waiting: see hostile.h.
// SPDX-License-Identifier: ISC
#include <arpa/inet.h>
#include <netinet/in.h>

#include "imapd/login/server.h"

#include "regress/unit/hostile.h"

using namespace mailkeep;
using imsg::Role;

namespace {

class House : public hostile::Peerage {
 public:
  House() {
    words = {"alice", "Ok", "TLSv1.3"};
    become_parent();
    role_ = std::make_unique<imapd::Server>(loop);
    imapd::Config c;
    c.generation = 1;
    c.hostname = "mx.mk.test";
    c.max_sessions = 200;
    c.max_sessions_per_source = 200;
    c.login_timeout = 60;
    tell_parent(c);
    imapd::Listener l;
    l.generation = 1;
    l.name = "test";
    l.pki = {"mx"};
    l.plaintext_ok = true;
    l.socket.reset(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    address_.sin_family = AF_INET;
    address_.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(bind(l.socket.get(), reinterpret_cast<sockaddr*>(&address_), sizeof address_), 0);
    assert_int_equal(listen(l.socket.get(), 200), 0);
    socklen_t size = sizeof address_;
    assert_int_equal(getsockname(l.socket.get(), reinterpret_cast<sockaddr*>(&address_), &size), 0);
    tell_parent(l);
    commit(1);
    for (const Role peer : {Role::kAuth, Role::kTls, Role::kControl}) wire({peer, 0});
  }
  void client(const std::string& text) {
    Fd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    assert_int_equal(connect(fd.get(), reinterpret_cast<sockaddr*>(&address_), sizeof address_), 0);
    assert_int_equal(::send(fd.get(), text.data(), text.size(), MSG_NOSIGNAL), static_cast<ssize_t>(text.size()));
    clients_.push_back(std::move(fd));
    turns(6);
  }

 private:
  std::unique_ptr<imapd::Server> role_;
  sockaddr_in address_{};
  std::vector<Fd> clients_;
};

void anything_from_anybody(void**) {
  House house;
  for (int i = 0; i < 20; i++) house.client(i % 2 == 0 ? "a login alice secret\r\nb noop\r\n" : "a starttls\r\n");
  house.row<tls::Established>(Role::kTls);
  house.row<tls::Failed>(Role::kTls);
  house.row<auth::Checked>(Role::kAuth);
  house.row<imapd::Presented>(Role::kParent);
  house.row<worker::StatsQuery>(Role::kControl);
  house.attack(400);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {unit_test(anything_from_anybody)};
  return run_unit_tests(tests);
}
