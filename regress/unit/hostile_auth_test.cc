// The auth process among peers that say anything: see hostile.h.
// SPDX-License-Identifier: ISC
#include "smtpd/auth/server.h"

#include <sys/stat.h>
#include <sys/un.h>

#include "queue/messages.h"
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
    if (from == Role::kSmtpd) house.row<auth::Identify>(from);
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

// A socket of ours, one elsewhere, and auth between smtpd, which presents connections, the parent and the queue.
class Local : public hostile::Peerage {
 public:
  explicit Local(bool system = false) : role_((become_parent(), loop)) {
    ours_ = listen_at(kOurs);
    elsewhere_ = listen_at(kElsewhere);
    auth::Config c;
    c.generation = 1;
    c.hostname = "mx.mk.test";
    c.domains = {"mk.test"};
    c.sockets = {kOurs};
    c.trusted = {"www"};
    c.system = system;
    const std::string table =
        "alice:{PLAIN}secret:" + std::to_string(getuid() == 0 ? 1 : getuid()) + ":::\nben:!:4711:::\n";
    c.table.reset(memfd_create("accounts", MFD_CLOEXEC));
    assert_int_equal(write(c.table.get(), table.data(), table.size()), static_cast<ssize_t>(table.size()));
    tell_parent(c);
    commit(1);
    wire({Role::kSmtpd, 0});
    wire({Role::kQueue, 0});
  }
  ~Local() {
    unlink(kOurs.c_str());
    unlink(kElsewhere.c_str());
  }

  struct Pair {
    Fd client, server;
  };
  Pair connection(const std::string& path, const Fd& listener) {
    Pair out;
    const sockaddr_un a = address(path);
    out.client.reset(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    assert_int_equal(connect(out.client.get(), reinterpret_cast<const sockaddr*>(&a), sizeof a), 0);
    out.server.reset(accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
    assert_true(out.server);
    return out;
  }
  Pair ours() { return connection(kOurs, ours_); }
  Pair elsewhere() { return connection(kElsewhere, elsewhere_); }

  int asked() { return heard_of({Role::kParent, 0}, parent::WhoIs::kType); }
  int vouched() { return heard_of({Role::kQueue, 0}, queue::Vouch::kType); }
  auth::Identified present(const Fd& fd) {
    auth::Identify m;
    m.session = 5;
    m.connection.reset(fcntl(fd.get(), F_DUPFD_CLOEXEC, 10));
    tell({Role::kSmtpd, 0}, m);
    turns(8);
    if (heard_of({Role::kSmtpd, 0}, auth::Identified::kType) == answers_) return {};
    answers_ = heard_of({Role::kSmtpd, 0}, auth::Identified::kType);
    return last<auth::Identified>({Role::kSmtpd, 0});
  }
  auth::Identified named(uint32_t uid, const std::string& name) {
    auth::UserNamed m;
    m.uid = uid;
    m.name = name;
    tell_parent(m);
    turns(8);
    if (heard_of({Role::kSmtpd, 0}, auth::Identified::kType) == answers_) return {};
    answers_ = heard_of({Role::kSmtpd, 0}, auth::Identified::kType);
    return last<auth::Identified>({Role::kSmtpd, 0});
  }

 private:
  static sockaddr_un address(const std::string& path) {
    sockaddr_un a{};
    a.sun_family = AF_UNIX;
    assert_true(path.size() < sizeof a.sun_path);
    std::memcpy(a.sun_path, path.c_str(), path.size() + 1);
    return a;
  }
  static Fd listen_at(const std::string& path) {
    Fd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const sockaddr_un a = address(path);
    assert_int_equal(bind(fd.get(), reinterpret_cast<const sockaddr*>(&a), sizeof a), 0);
    assert_int_equal(chmod(path.c_str(), 0777), 0);
    assert_int_equal(listen(fd.get(), 5), 0);
    return fd;
  }

  const std::string kOurs = "/tmp/mk-submit-" + std::to_string(getpid()) + ".sock";
  const std::string kElsewhere = "/tmp/mk-elsewhere-" + std::to_string(getpid()) + ".sock";
  Fd ours_, elsewhere_;
  int answers_ = 0;
  auth::Server role_;
};

// Only the kernel's word on a connection to a socket of ours counts, while its client is there.
void smtpd_cannot_invent_a_local_user(void**) {
  Local house;
  const uint32_t me = getuid();
  // The client's end: to the kernel its peer is whoever listens there, here ourselves; elsewhere it might be root.
  auto good = house.ours();
  assert_false(house.present(good.client).ok);
  auto other = house.elsewhere();
  assert_false(house.present(other.server).ok);
  assert_false(house.present(other.client).ok);
  int ends[2];
  assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
  const Fd one(ends[0]), two(ends[1]);
  assert_false(house.present(one).ok);
  const Fd null(open("/dev/null", O_RDWR | O_CLOEXEC));
  assert_false(house.present(null).ok);
  auto gone = house.ours();
  gone.client.reset();
  assert_false(house.present(gone.server).ok);
  assert_int_equal(house.asked(), 0);
  assert_int_equal(house.vouched(), 0);
  // And a good one; the parent says the name.
  house.present(good.server);
  assert_int_equal(house.asked(), 1);
  assert_int_equal(house.last<parent::WhoIs>({Role::kParent, 0}).uid, me);
  const auto who = house.named(me, "somebody");
  assert_true(who.ok);
  assert_text(who.user, "somebody");
  assert_int_equal(who.any_sender, me == 0);
  assert_text(who.account, me == 0 ? "" : "alice");
  assert_text(who.address, me == 0 ? "somebody@mx.mk.test" : "alice@mk.test");
  assert_text(who.origin, "mk.test");
  assert_int_equal(house.vouched(), 1);
  const auto vouch = house.last<queue::Vouch>({Role::kQueue, 0});
  assert_int_equal(vouch.ticket_high, who.ticket_high);
  assert_text(vouch.user, "somebody");
  // The name is known for a while; a new connection has a new ticket.
  auto next = house.ours();
  assert_true(house.present(next.server).ok);
  assert_int_equal(house.asked(), 1);
  assert_int_not_equal(house.last<queue::Vouch>({Role::kQueue, 0}).ticket_low, vouch.ticket_low);
}

void who_has_no_name_sends_nothing(void**) {
  Local house;
  auto c = house.ours();
  house.present(c.server);
  assert_false(house.named(getuid(), "").ok);
  assert_int_equal(house.vouched(), 0);
  assert_false(house.named(4711, "ben").ok);  // nobody of that uid is waiting
  assert_int_equal(house.vouched(), 0);
}

// The system's users that differ in letter case are several; accounts do not.
void a_user_is_no_account_of_another_case(void**) {
  const uint32_t me = getuid() == 0 ? 4711 : getuid();
  const struct {
    const char *name, *account, *address;
  } table[] = {{"bob", "bob", "bob@mk.test"}, {"Bob", "", "Bob@mx.mk.test"}, {"BOB", "", "BOB@mx.mk.test"}};
  for (const auto& row : table) {
    Local house(true);
    if (getuid() == 0) assert_int_equal(seteuid(me), 0);  // connect(2) is whose the connection is
    auto c = house.ours();
    if (getuid() == 0) assert_int_equal(seteuid(0), 0);
    house.present(c.server);
    assert_int_equal(house.last<parent::WhoIs>({Role::kParent, 0}).uid, me);
    const auto who = house.named(me, row.name);
    assert_true(who.ok);
    assert_text(who.user, row.name);
    assert_text(who.account, row.account);
    assert_text(who.address, row.address);
  }
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {unit_test(anything_from_anybody), unit_test(pam_cannot_log_anybody_in),
                              unit_test(smtpd_cannot_invent_a_local_user), unit_test(who_has_no_name_sends_nothing),
                              unit_test(a_user_is_no_account_of_another_case)};
  return run_unit_tests(tests);
}
