// lib/os/peer.h: addresses as text, loopback, and what limits count by.
// SPDX-License-Identifier: ISC
#include "lib/os/peer.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <unistd.h>

#include <cstring>

#include "regress/unit/unit.h"

using namespace mailkeep;

static struct sockaddr_storage address(const char* text) {
  struct sockaddr_storage out {};
  struct sockaddr_in in {};
  struct sockaddr_in6 in6 {};
  if (inet_pton(AF_INET, text, &in.sin_addr) == 1) {
    in.sin_family = AF_INET;
    in.sin_port = htons(1234);
    std::memcpy(&out, &in, sizeof in);
  } else if (inet_pton(AF_INET6, text, &in6.sin6_addr) == 1) {
    in6.sin6_family = AF_INET6;
    in6.sin6_port = htons(1234);
    std::memcpy(&out, &in6, sizeof in6);
  }
  return out;
}

static void addresses(void**) {
  const struct {
    const char* in;
    const char* address;
    const char* group;
    bool loopback;
  } rows[] = {
      {"192.0.2.1", "192.0.2.1", "192.0.2.1", false},
      {"127.9.0.1", "127.9.0.1", "127.9.0.1", true},
      {"128.0.0.1", "128.0.0.1", "128.0.0.1", false},
      {"::1", "::1", "::/64", true},
      {"::ffff:127.0.0.1", "127.0.0.1", "127.0.0.1", true},
      {"::ffff:192.0.2.1", "192.0.2.1", "192.0.2.1", false},
      {"2001:db8:1:2:3:4:5:6", "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64", false},
  };
  for (const auto& row : rows) {
    const os::Peer peer = os::peer_of(address(row.in));
    assert_text(peer.address, row.address);
    assert_text(peer.group, row.group);
    assert_int_equal(peer.port, 1234);
    assert_int_equal(peer.loopback, row.loopback);
  }
}

static void others(void**) {
  int pair[2];
  assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
  assert_text(os::peer_of(pair[0]).address, "local");
  assert_false(os::peer_of(pair[0]).loopback);
  close(pair[0]);
  close(pair[1]);
  assert_text(os::peer_of(pair[0]).address, "unknown");
}

int main() {
  const CMUnitTest tests[] = {unit_test(addresses), unit_test(others)};
  return run_unit_tests(tests);
}
