// What the system says about names: resolv.conf(5) and hosts(5), as texts. Pure; root's own files, read as if they were
// not.
// SPDX-License-Identifier: ISC
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace mailkeep::dns {

constexpr size_t kMaxServers = 8;
constexpr size_t kMaxHostsNames = 1000;

struct Server {
  std::string address;  // numeric
  uint16_t port = 53;
};

// The `nameserver` lines; 127.0.0.1 when there are none, as resolv.conf(5) says.
std::vector<Server> read_resolv_conf(std::string_view text);

// Names that only this machine knows: without a dot, or below localhost. /etc/hosts decides those, and no other: a
// forgotten line must not send mail for a public domain elsewhere.
bool is_local_name(std::string_view name);

// The addresses of local names, in lower case. localhost is there whatever the file says (RFC 6761 6.3).
std::map<std::string, std::vector<std::string>> read_hosts(std::string_view text);

}  // namespace mailkeep::dns
