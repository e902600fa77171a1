// A user process among peers that say anything, with connections of any kind: see hostile.h.
// SPDX-License-Identifier: ISC
#include "lmtpd/user/mailbox_process.h"

#include "regress/unit/hostile.h"
#include "regress/unit/store_fixture.h"

using namespace mailkeep;
using imsg::Role;

namespace {

struct House : hostile::Peerage {
  House() {
    words = {"alice",     "alice@mk.test",       "a@remote.test",
             "a1",        "a1 select inbox\r\n", "x fetch 1:* (flags body[])\r\n",
             "x noop\r\n"};
    become_parent();
    auto store = store::Store::open(files.io, files.dir(), files.options);
    assert_true(store);
    role = std::make_unique<user::MailboxProcess>(loop, std::move(*store), "alice");
    user::Config c;
    c.generation = 1;
    c.message_size = 100000;
    c.idle = 60;
    c.imap_idle = 1800;
    c.hostname = "mx.mk.test";
    tell_parent(c);
    commit(1);
    wire({Role::kQueue, 0});
  }
  store::TestStore files;
  std::unique_ptr<user::MailboxProcess> role;
};

void anything_from_anybody(void**) {
  House house;
  house.row<user::Deliver>(Role::kQueue);
  house.row<user::Attach>(Role::kParent);
  house.attack(400);
}

// The login process keeps a duplicate of what it presents, and with it O_NONBLOCK's place.
void a_blocking_connection_blocks_nobody(void**) {
  House house;
  int ends[2];
  assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);  // blocking
  const Fd far(ends[1]);
  user::Attach m;
  m.session = 9;
  m.tag = "a1";
  m.connection.reset(ends[0]);
  alarm(10);
  house.tell_parent(m);
  house.turns(10);
  char answer[200];
  assert_true(recv(far.get(), answer, sizeof answer, MSG_DONTWAIT) > 0);
  alarm(0);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {unit_test(anything_from_anybody), unit_test(a_blocking_connection_blocks_nobody)};
  return run_unit_tests(tests);
}
