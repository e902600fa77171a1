// The lookup process among peers that say anything: see hostile.h.
// SPDX-License-Identifier: ISC
#include "smtpd/lookup/lookup.h"

#include "regress/unit/hostile.h"

using namespace mailkeep;
using imsg::Role;

namespace {

Fd file_of(std::string_view text) {
  Fd fd(memfd_create("table", MFD_CLOEXEC));
  assert_int_equal(write(fd.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
  return fd;
}

void configure(hostile::Peerage& house) {
  lookup::Config c;
  c.generation = 1;
  c.hostname = "mx.mk.test";
  c.domains = {"mk.test"};
  c.subaddress_separator = "+";
  house.tell_parent(c);
  lookup::Dns d;
  d.generation = 1;
  d.resolvers = {{"127.0.0.1", 9}};  // nobody is there
  d.validation = "off";
  d.address_family = "alternate";
  house.tell_parent(d);
  lookup::Table t;
  t.generation = 1;
  t.name = "aliases";
  t.path = "/etc/aliases";
  t.content = file_of("postmaster: alice\nteam: alice, bob, elsewhere@remote.test\nround: round\n");
  house.tell_parent(t);
  lookup::Accounts a;
  a.generation = 1;
  a.content = file_of("alice\t200000\t200000\nbob\t200001\t200001\n");
  house.tell_parent(a);
  lookup::Action in;
  in.generation = 1;
  in.name = "in";
  in.alias_table = "aliases";
  house.tell_parent(in);
  lookup::Match m;
  m.generation = 1;
  m.target.subject = static_cast<uint16_t>(conf::Subject::domain);
  m.target.value = "mk.test";
  m.action = "in";
  house.tell_parent(m);
  lookup::Filter f;
  f.generation = 1;
  f.name = "f";
  f.phase = static_cast<uint16_t>(conf::Phase::rcpt_to);
  f.code = 550;
  f.tests.push_back(m.target);
  f.tests[0].subject = static_cast<uint16_t>(conf::Subject::mail_from);
  f.tests[0].value = "@spam.test";
  house.tell_parent(f);
  lookup::Chain chain;
  chain.generation = 1;
  chain.listener = 1;
  chain.filters = {"f"};
  house.tell_parent(chain);
  house.commit(1);
}

void anything_from_anybody(void**) {
  hostile::Peerage house;
  house.words = {"alice@mk.test", "bob+x@mk.test",    "team@mk.test",  "postmaster",
                 "round@mk.test", "nobody@mk.test",   "a@remote.test", "127.0.0.1",
                 "local",         "2001:db8::1%eth0", "alice",         "mx.remote.test"};
  house.become_parent();
  lookup::Lookup role(house.loop, nullptr);
  configure(house);
  for (const imsg::PeerId peer : {imsg::PeerId{Role::kSmtpd, 0}, {Role::kSmtpd, 1}, {Role::kLmtpd, 0}}) {
    house.wire(peer);
    house.row<lookup::CheckRcpt>(peer);
    house.row<lookup::CheckPhase>(peer);
    if (peer.role == Role::kSmtpd) house.row<lookup::CheckSender>(peer);
  }
  house.wire({Role::kQueue, 0});
  house.row<lookup::Route>(Role::kQueue);
  house.wire({Role::kRelay, 0});
  house.row<lookup::FindHops>(Role::kRelay);
  house.row<lookup::FindTexts>(Role::kRelay);
  house.wire({Role::kControl, 0});
  house.row<lookup::FindHops>(Role::kControl);
  house.row<worker::StatsQuery>(Role::kControl);
  house.attack(600);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {unit_test(anything_from_anybody)};
  return run_unit_tests(tests);
}
