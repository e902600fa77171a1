// The control process among peers that say anything, while clients wait for each kind of answer: see hostile.h.
// SPDX-License-Identifier: ISC
#include <sys/un.h>

#include "smtpd/control/control.h"

#include "regress/unit/hostile.h"

using namespace mailkeep;
using imsg::Role;

namespace {

constexpr Role kWorkers[] = {Role::kTls,   Role::kSmtpd, Role::kLookup, Role::kAuth,
                             Role::kQueue, Role::kLmtpd, Role::kImapd,  Role::kRelay};

class House : public hostile::Peerage {
 public:
  House() : control_(loop) {
    words = {"smtpd", "alice", "queue.local", "waiting", "6540000011111111.0"};
    become_parent();
    peers_ = std::make_unique<worker::Worker<control::Control>>(loop, control_, control::control_routes());
    control_.set_peers(peers_.get());
    const std::string name = "mailkeep-hostile-control-" + std::to_string(getpid());
    address_.sun_family = AF_UNIX;  // an abstract name leaves no file behind
    memcpy(address_.sun_path + 1, name.data(), name.size());
    size_ = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
    control::Config c;
    c.generation = 1;
    c.socket.reset(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    assert_int_equal(bind(c.socket.get(), reinterpret_cast<sockaddr*>(&address_), size_), 0);
    assert_int_equal(listen(c.socket.get(), 64), 0);
    tell_parent(c);
    commit(1);
    for (const Role from : kWorkers) wire({from, 0});
  }
  template <class M>
  void client(const M& m) {
    Fd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    assert_int_equal(connect(fd.get(), reinterpret_cast<sockaddr*>(&address_), size_), 0);
    imsg::Encoder e;
    M::fields(e, m);
    assert_true(imsg::write_frame(fd.get(), M::kType, e.bytes(), e.fds()));
    clients_.push_back(std::move(fd));
    turns(6);
  }
  void crowd() {
    clients_.clear();
    turns(6);
    for (int i = 0; i < 4; i++) {
      client(control::client::AskStatus());
      client(control::client::AskReload());
      client(control::client::AskQueueSelect());
      client(control::client::AskQueueShow());
      client(control::client::AskLives());
      client(control::client::AskDestinations());
      client(control::client::AskHops());
      client(control::client::AskTlsPolicy());
      client(control::client::AskDelivery());
      client(control::client::AskFollow());
    }
  }

 private:
  control::Control control_;
  std::unique_ptr<worker::Worker<control::Control>> peers_;
  sockaddr_un address_{};
  socklen_t size_ = 0;
  std::vector<Fd> clients_;
};

void anything_from_anybody(void**) {
  House house;
  for (const Role from : kWorkers) house.row<worker::Stats>(from);
  house.row<lookup::Hops>(Role::kLookup);
  house.row<queue::QueueSelected>(Role::kQueue);
  house.row<relay::TlsPolicyShown>(Role::kRelay);
  house.row<relay::DeliveryShown>(Role::kRelay);
  house.row<queue::MessageShown>(Role::kQueue);
  house.row<queue::Lives>(Role::kQueue);
  house.row<queue::Destinations>(Role::kQueue);
  house.row<control::StatusReport>(Role::kParent);
  house.row<control::Reloaded>(Role::kParent);
  house.row<worker::LogLine>(Role::kParent);
  for (int round = 0; round < 10; round++) {
    house.crowd();
    house.attack(30);
  }
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {unit_test(anything_from_anybody)};
  return run_unit_tests(tests);
}
