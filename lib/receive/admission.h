// Who may come in, and how much of each source: counts of sessions by address and by network; messages and recipients
// an hour by IPv4 address or by IPv6 network, in which a host has as many addresses as it likes.
//
// A network (IPv4 /24, IPv6 /64) never holds more sessions than are still free: as the pool fills, the share of each
// shrinks, and one source alone gets half of it at most. A full pool makes room for a network that has less by ending
// the idlest session of the one that has most. Each process counts for itself: with N smtpd workers, on whose listeners
// the kernel spreads connections, a source may have up to N times as much. Pure: no clock, no socket.
// SPDX-License-Identifier: ISC
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <unordered_map>
#include <utility>

#include "lib/base/clock.h"

namespace mailkeep::receive {

constexpr Seconds kRateWindow(3600);
constexpr size_t kMaxRatedSources =
    100'000;  // whose mail is counted at once; one more, and the oldest count is forgotten

// The network of an address as text: "192.0.2.0/24" is the first three bytes; what is no address is its own network.
std::string network_of(const std::string& address);

class Admission {
 public:
  struct Limits {
    uint32_t sessions = 0;
    uint32_t per_source = 0;
    uint32_t per_network = 0;
    uint32_t messages_per_hour = 0;  // 0: any number
    uint32_t recipients_per_hour = 0;
  };
  enum class Verdict : uint8_t { kWelcome, kFull, kSourceCrowded, kNetworkCrowded };

  void set_limits(const Limits& limits) { limits_ = limits; }
  // Counts a session, whatever the verdict: leave() when it ends. Without the limits of the source and of its network
  // only the pool as a whole bounds it.
  Verdict enter(const std::string& address, bool by_source, bool by_network);
  void leave(const std::string& address);
  size_t sessions() const { return total_; }
  bool is_crowded() const { return total_ * 5 > uint64_t{limits_.sessions} * 4; }
  // The network with most sessions, if it has more than `than`; empty: none.
  std::string most_present(size_t than) const;
  size_t of_network(const std::string& address) const;

  // One more message or recipient of that source this hour; false: that is too many. `now` never goes back.
  bool take_message(const std::string& address, Micros now);
  bool take_recipient(const std::string& address, Micros now);
  // Forgets what is older than an hour.
  void sweep(Micros now);

 private:
  struct Rate {
    Micros since{0};
    uint32_t messages = 0;
    uint32_t recipients = 0;
  };
  Rate& rate(const std::string& address, Micros now);
  void forget_oldest();

  Limits limits_;
  size_t total_ = 0;
  std::unordered_map<std::string, uint32_t> sources_;
  std::unordered_map<std::string, uint32_t> networks_;
  std::unordered_map<std::string, Rate> rates_;
  std::deque<std::pair<Micros, std::string>> begun_;  // when their hours began; of one that has begun anew, both
};

}  // namespace mailkeep::receive
