// Addresses and networks, as rules and tables write them: 192.0.2.1, 192.0.2.0/24, 2001:db8::/32. RFC 4632, RFC 4291.
// SPDX-License-Identifier: ISC
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/result.h"

namespace mailkeep::conf {

// An IPv4 address is held as its IPv4-mapped IPv6 one, so one comparison serves both.
struct Network {
  std::array<uint8_t, 16> address{};
  uint8_t prefix = 128;  // bits, of the 128

  bool contains(const Network& other) const;
  bool operator==(const Network& other) const = default;
};

// The bits of `network` beyond the first `prefix` of them cleared.
Network masked(const Network& network, uint8_t prefix);

// "address" or "address/bits"; nothing else. Bits of the host that are set ("10.0.0.1/8") are cleared.
std::optional<Network> parse_network(std::string_view text);
// A file of them: one a line, what follows it is nothing to us, '#' starts a comment. An Error names file:line.
Result<std::vector<std::string>> parse_networks(std::string_view text, const std::string& file, size_t most);
// One address alone, without a prefix.
std::optional<Network> parse_address(std::string_view text);

}  // namespace mailkeep::conf
