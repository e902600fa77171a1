// What the grammar takes but this build does not do yet. Who adds a protocol deletes its row.
// SPDX-License-Identifier: ISC
#include <algorithm>
#include <iterator>

#include "lib/conf/parser.h"

namespace mailkeep::conf {
namespace {

constexpr Protocol kNotSpoken[] = {
    Protocol::sieve,
};

bool is_spoken(Protocol p) {
  return std::find(std::begin(kNotSpoken), std::end(kNotSpoken), p) == std::end(kNotSpoken);
}

}  // namespace

std::vector<std::string> check_supported(const Config& config) {
  std::string spoken;
  for (int i = 0; i < kProtocols; i++) {
    const auto protocol = static_cast<Protocol>(i);
    if (is_spoken(protocol)) spoken += (spoken.empty() ? "" : ", ") + std::string(protocol_name(protocol));
  }
  std::vector<std::string> out;
  for (const Listener& l : config.listeners) {
    if (is_spoken(l.protocol)) continue;
    const std::string name(protocol_name(l.protocol));
    out.push_back(complaint(l.position, "'" + name + "', which this version does not speak yet", "one of " + spoken));
  }
  return out;
}

}  // namespace mailkeep::conf
