// The auth process among peers that say anything: see hostile.h.
// SPDX-License-Identifier: ISC
#include "smtpd/auth/server.h"
#include "smtpd/parent/messages.h"

#include "regress/unit/hostile.h"

using namespace mailkeep;
using imsg::Role;

namespace {

void anything_from_anybody(void**) {
  hostile::Peerage house;
  house.words = {"alice", "alice@mk.test", "secret", "bob", "127.0.0.1", "imap", "ok"};
  house.become_parent();
  auth::Server role(house.loop);
  auth::Config c;
  c.generation = 1;
  c.path = "accounts";
  c.domains = {"mk.test"};
  const std::string table = "alice:{PLAIN}secret:::::\nbob:!:::::\n";
  c.table.reset(memfd_create("accounts", MFD_CLOEXEC));
  assert_int_equal(write(c.table.get(), table.data(), table.size()), static_cast<ssize_t>(table.size()));
  house.tell_parent(c);
  house.commit(1);
  for (const Role from : {Role::kImapd, Role::kSmtpd}) {
    house.wire({from, 0});
    house.row<auth::Check>(from);
  }
  house.wire({Role::kQueue, 0});
  house.wire({Role::kPam, 0});
  house.row<auth::PamAnswer>(Role::kPam);
  house.wire({Role::kControl, 0});
  house.row<worker::StatsQuery>(Role::kControl);
  house.attack(300);
}

// An answer of pam's counts only for what it was asked: here it was asked nothing, for there is a table.
void pam_cannot_log_anybody_in(void**) {
  hostile::Peerage house;
  house.become_parent();
  auth::Server role(house.loop);
  auth::Config c;
  c.generation = 1;
  const std::string table = "alice:{PLAIN}secret:::::\n";
  c.table.reset(memfd_create("accounts", MFD_CLOEXEC));
  assert_int_equal(write(c.table.get(), table.data(), table.size()), static_cast<ssize_t>(table.size()));
  house.tell_parent(c);
  house.commit(1);
  house.wire({Role::kImapd, 0});
  house.wire({Role::kPam, 0});
  auth::Check check;
  check.session = 5;
  check.name = "alice";
  check.password = "wrong";
  house.tell({Role::kImapd, 0}, check);
  house.turns(4);
  for (uint64_t query = 0; query < 5; query++) {
    auth::PamAnswer yes;
    yes.query = query;
    house.tell({Role::kPam, 0}, yes);
  }
  house.turns(20);
  assert_int_equal(house.heard_of({Role::kParent, 0}, parent::Vouch::kType), 0);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {unit_test(anything_from_anybody), unit_test(pam_cannot_log_anybody_in)};
  return run_unit_tests(tests);
}
