// Networks: parsing through inet_pton, matching by masking.
// SPDX-License-Identifier: ISC
#include "lib/conf/network.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cstring>
#include <string>

#include "lib/conf/lines.h"

namespace mailkeep::conf {
namespace {

constexpr uint8_t kMappedBits = 96;  // ::ffff:0:0/96, RFC 4291 2.5.5.2

}  // namespace

Network masked(const Network& network, uint8_t prefix) {
  Network out;
  out.prefix = prefix;
  const size_t whole = prefix / 8;
  for (size_t i = 0; i < whole; i++) out.address[i] = network.address[i];
  if (prefix % 8 != 0) {
    const auto mask = static_cast<uint8_t>(0xff << (8 - prefix % 8));
    out.address[whole] = static_cast<uint8_t>(network.address[whole] & mask);
  }
  return out;
}

bool Network::contains(const Network& other) const {
  return other.prefix >= prefix && masked(other, prefix).address == address;
}

std::optional<Network> parse_address(std::string_view text) {
  if (text.size() >= INET6_ADDRSTRLEN || text.find('\0') != text.npos) return {};
  const std::string copy(text);
  Network out;
  if (inet_pton(AF_INET6, copy.c_str(), out.address.data()) == 1) return out;
  in_addr four{};
  if (inet_pton(AF_INET, copy.c_str(), &four) != 1) return {};
  out.address[10] = out.address[11] = 0xff;
  std::memcpy(&out.address[12], &four, sizeof four);
  return out;
}

std::optional<Network> parse_network(std::string_view text) {
  const size_t slash = text.find('/');
  auto address = parse_address(text.substr(0, slash));
  if (!address || slash == text.npos) return address;
  const bool is_four = text.substr(0, slash).find(':') == text.npos;
  const auto bits = parse_u64(text.substr(slash + 1), is_four ? 32 : 128);
  if (!bits) return {};
  return masked(*address, static_cast<uint8_t>(*bits + (is_four ? kMappedBits : 0)));
}

Result<std::vector<std::string>> parse_networks(std::string_view text, const std::string& file, size_t most) {
  std::vector<std::string> out;
  const auto status = each_line(text, file, [&](const Line& line) -> Status {
    const auto word = line.text.substr(0, line.text.find_first_of(" \t#"));
    if (!parse_network(word)) return line.error(word, "an address or a network");
    if (out.size() == most)
      return line.error(word, "one more", "at most " + std::to_string(most) + " addresses and networks");
    out.emplace_back(word);
    return {};
  });
  if (!status) return status.error();
  return out;
}

}  // namespace mailkeep::conf
