// Addresses of peers: see peer.h.
// SPDX-License-Identifier: ISC
#include "lib/os/peer.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <array>
#include <cstring>

namespace mailkeep::os {

namespace {

std::string text_of(int family, const void* address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (inet_ntop(family, address, text.data(), text.size()) == nullptr) return "unknown";
  return text.data();
}

Peer ipv4(const struct in_addr& address, uint16_t port) {
  Peer out;
  out.address = text_of(AF_INET, &address);
  out.group = out.address;
  out.port = ntohs(port);
  out.loopback = (ntohl(address.s_addr) >> 24) == 127;
  return out;
}

Peer ipv6(const struct sockaddr_in6& from) {
  if (IN6_IS_ADDR_V4MAPPED(&from.sin6_addr)) {
    struct in_addr inner {};
    std::memcpy(&inner, &from.sin6_addr.s6_addr[12], sizeof inner);
    return ipv4(inner, from.sin6_port);
  }
  Peer out;
  out.address = text_of(AF_INET6, &from.sin6_addr);
  struct in6_addr net = from.sin6_addr;
  std::memset(&net.s6_addr[8], 0, 8);  // one subscriber has at least a /64 (RFC 6177)
  out.group = text_of(AF_INET6, &net) + "/64";
  out.port = ntohs(from.sin6_port);
  out.loopback = IN6_IS_ADDR_LOOPBACK(&from.sin6_addr);
  return out;
}

}  // namespace

Peer peer_of(const struct sockaddr_storage& from) {
  if (from.ss_family == AF_INET) {
    struct sockaddr_in in {};
    std::memcpy(&in, &from, sizeof in);
    return ipv4(in.sin_addr, in.sin_port);
  }
  if (from.ss_family == AF_INET6) {
    struct sockaddr_in6 in6 {};
    std::memcpy(&in6, &from, sizeof in6);
    return ipv6(in6);
  }
  Peer out;
  if (from.ss_family == AF_UNIX) out.address = "local";
  out.group = out.address;
  return out;
}

bool is_stream_socket(int fd) {
  int type = 0;
  socklen_t size = sizeof type;
  return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_STREAM;
}

Peer peer_of(int fd) {
  struct sockaddr_storage from {};
  socklen_t length = sizeof from;
  if (getpeername(fd, reinterpret_cast<struct sockaddr*>(&from), &length) != 0) from.ss_family = AF_UNSPEC;
  return peer_of(from);
}

}  // namespace mailkeep::os
