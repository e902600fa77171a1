// Who is at the other end of a socket: its address as text, and what limits per source count by.
// Any process that accepts connections; trusts the kernel only.
// SPDX-License-Identifier: ISC
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <string>

namespace mailkeep::os {

struct Peer {
  std::string address = "unknown";  // "192.0.2.1", "2001:db8::1" (IPv4-mapped as IPv4), "local" for a unix socket
  std::string group;                // limits count by it: the address, of IPv6 its /64
  uint16_t port = 0;
  bool loopback = false;  // 127.0.0.0/8 or ::1
};

Peer peer_of(const struct sockaddr_storage& from);
// A socket of a stream, whatever else another process may have handed over in its place. It may still be a listening
// one.
bool is_stream_socket(int fd);
// Of a connected socket; "unknown" when it is gone already.
Peer peer_of(int fd);

}  // namespace mailkeep::os
