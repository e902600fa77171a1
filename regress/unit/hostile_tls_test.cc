// The tls process among peers that say anything, with descriptors of any kind: see hostile.h.
// SPDX-License-Identifier: ISC
#include <sys/stat.h>

#include "smtpd/tls/server.h"

#include "regress/unit/hostile.h"

using namespace mailkeep;
using imsg::Role;

namespace {

void make_keypair(hostile::Peerage& house) {
  char dir[] = "/tmp/mailkeep-hostile-XXXXXX";
  assert_non_null(mkdtemp(dir));
  const std::string base = std::string(dir) + "/mx";
  const std::string command =
      "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=mx.test -keyout " + base +
      ".key -out " + base + ".pem 2>/dev/null";
  assert_int_equal(system(command.c_str()), 0);
  for (const char* name : {"mx", "other"}) {
    tls::Keypair m;
    m.generation = 1;
    m.name = name;
    m.cert.reset(open((base + ".pem").c_str(), O_RDONLY | O_CLOEXEC));
    m.key.reset(open((base + ".key").c_str(), O_RDONLY | O_CLOEXEC));
    house.tell_parent(m);
  }
  house.turns(4);
  assert_int_equal(system(("rm -r " + std::string(dir)).c_str()), 0);
}

struct Rig {
  Rig() {
    house.words = {"mx", "other", "nothing"};
    house.become_parent();
    role = std::make_unique<tls::Server>(house.loop);
    make_keypair(house);
    house.commit(1);
    for (const imsg::PeerId from : {imsg::PeerId{Role::kSmtpd, 0}, {Role::kSmtpd, 1}, {Role::kImapd, 0}})
      house.wire(from);
  }
  tls::Serve serve(Fd client, Fd plain) {
    tls::Serve m;
    m.session = 7;
    m.pki = {"mx"};
    m.client = std::move(client);
    m.plain = std::move(plain);
    return m;
  }
  hostile::Peerage house;
  std::unique_ptr<tls::Server> role;
};

std::pair<Fd, Fd> pair(int flags = SOCK_NONBLOCK) {
  int ends[2];
  assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0, ends), 0);
  return {Fd(ends[0]), Fd(ends[1])};
}

void anything_from_anybody(void**) {
  Rig rig;
  for (const imsg::PeerId from : {imsg::PeerId{Role::kSmtpd, 0}, {Role::kSmtpd, 1}, {Role::kImapd, 0}})
    rig.house.row<tls::Serve>(from);
  rig.house.wire({Role::kRelay, 0});
  rig.house.row<tls::Connect>(Role::kRelay);
  rig.house.wire({Role::kControl, 0});
  rig.house.row<worker::StatsQuery>(Role::kControl);
  rig.house.attack(400);
}

// Each kind of descriptor that is no socket, at either place: the sender's life, not ours.
void only_sockets_are_served(void**) {
  Rig rig;
  const auto make = [](int kind) {
    switch (kind) {
      case 0: return Fd(memfd_create("x", MFD_CLOEXEC));
      case 1: return Fd(open("/dev/zero", O_RDWR | O_CLOEXEC));
      case 2: return Fd(open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
      default: return Fd(eventfd(0, EFD_CLOEXEC));
    }
  };
  for (int kind = 0; kind < 4; kind++) {
    for (const bool as_client : {true, false}) {
      auto [a, b] = pair();
      rig.house.tell({Role::kSmtpd, 1},
                     as_client ? rig.serve(make(kind), std::move(a)) : rig.serve(std::move(a), make(kind)));
      rig.house.turns(8);
      assert_true(rig.house.accused({Role::kSmtpd, 1}));
      rig.house.wire({Role::kSmtpd, 1});
    }
  }
}

// The sender shares the description, and with it O_NONBLOCK, which it may take away again at any time.
void a_blocking_descriptor_blocks_nobody(void**) {
  Rig rig;
  auto [client, far] = pair();
  auto [plain, session] = pair();
  const Fd client_of_sender(dup(client.get()));
  const Fd plain_of_sender(dup(plain.get()));
  rig.house.tell({Role::kSmtpd, 0}, rig.serve(std::move(client), std::move(plain)));
  rig.house.turns(4);
  assert_int_equal(fcntl(client_of_sender.get(), F_SETFL, 0), 0);
  assert_int_equal(fcntl(plain_of_sender.get(), F_SETFL, 0), 0);
  alarm(10);
  const unsigned char half_a_record[] = {22, 3, 1, 2, 0, 1};  // a ClientHello that stays unfinished
  assert_int_equal(write(far.get(), half_a_record, sizeof half_a_record), sizeof half_a_record);
  rig.house.turns(20);
  alarm(0);
}

// One peer's connections leave room for the others'.
void one_peer_cannot_have_all(void**) {
  Rig rig;
  rig.house.limit_descriptors(4 * rig.house.kDescriptors);  // for the test's own ends, which the server has not counted
  int failed = 0;
  std::vector<Fd> kept;
  for (rlim_t n = 0; n < rig.house.kDescriptors; n++) {
    int a[2];
    int b[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, a) != 0) break;
    Fd a0(a[0]), a1(a[1]);
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, b) != 0) break;
    kept.push_back(std::move(a1));
    kept.emplace_back(b[1]);
    rig.house.tell({Role::kSmtpd, 0}, rig.serve(std::move(a0), Fd(b[0])));
    rig.house.turns(2);
    failed = rig.house.heard_of({Role::kSmtpd, 0}, tls::Failed::kType);
    if (failed > 0) break;
  }
  assert_true(failed > 0);
  assert_false(rig.house.accused({Role::kSmtpd, 0}));
  auto [client, far] = pair();
  auto [plain, session] = pair();
  rig.house.tell({Role::kImapd, 0}, rig.serve(std::move(client), std::move(plain)));
  rig.house.turns(4);
  assert_int_equal(rig.house.heard_of({Role::kImapd, 0}, tls::Failed::kType), 0);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {unit_test(anything_from_anybody), unit_test(only_sockets_are_served),
                              unit_test(a_blocking_descriptor_blocks_nobody), unit_test(one_peer_cannot_have_all)};
  return run_unit_tests(tests);
}
