// resolv.conf(5) and hosts(5): see system.h.
// SPDX-License-Identifier: ISC
#include "lib/dns/system.h"

#include <arpa/inet.h>

#include <algorithm>

#include "lib/base/text.h"

namespace mailkeep::dns {
namespace {

bool is_address(const std::string& text) {
  in6_addr out{};
  return inet_pton(AF_INET, text.c_str(), &out) == 1 || inet_pton(AF_INET6, text.c_str(), &out) == 1;
}

std::vector<std::string> words(std::string_view line) {
  std::vector<std::string> out;
  line = line.substr(0, line.find('#'));
  while (!(line = trim(line)).empty()) {
    const size_t n = std::min(line.find_first_of(" \t"), line.size());
    out.emplace_back(line.substr(0, n));
    line.remove_prefix(n);
  }
  return out;
}

}  // namespace

std::vector<Server> read_resolv_conf(std::string_view text) {
  std::vector<Server> out;
  for (const auto line : split(text, '\n')) {
    const auto w = words(line);
    if (w.size() < 2 || w[0] != "nameserver" || out.size() >= kMaxServers) continue;
    // A link-local server's "%interface" is of no use to libunbound.
    if (is_address(w[1])) out.push_back({w[1], 53});
  }
  if (out.empty()) out.push_back({"127.0.0.1", 53});
  return out;
}

bool is_local_name(std::string_view name) {
  constexpr std::string_view kBelow = ".localhost";
  return name.find('.') == name.npos ||
         (name.size() > kBelow.size() && equals_nocase(name.substr(name.size() - kBelow.size()), kBelow));
}

std::map<std::string, std::vector<std::string>> read_hosts(std::string_view text) {
  std::map<std::string, std::vector<std::string>> out;
  for (const auto line : split(text, '\n')) {
    const auto w = words(line);
    if (w.size() < 2 || !is_address(w[0])) continue;
    for (size_t i = 1; i < w.size() && out.size() < kMaxHostsNames; i++) {
      const std::string name = lower(w[i]);
      if (!is_local_name(name)) continue;
      auto& addresses = out[name];
      if (std::find(addresses.begin(), addresses.end(), w[0]) == addresses.end()) addresses.push_back(w[0]);
    }
  }
  if (out.count("localhost") == 0) out["localhost"] = {"127.0.0.1", "::1"};
  return out;
}

}  // namespace mailkeep::dns
