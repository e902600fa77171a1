// Who may come in: see admission.h.
// SPDX-License-Identifier: ISC
#include "lib/receive/admission.h"

#include "lib/conf/network.h"

namespace mailkeep::receive {

namespace {

constexpr uint8_t kMapped = 96, kBits4 = 24, kBits6 = 64;

void leave_one(std::unordered_map<std::string, uint32_t>& counts, const std::string& key) {
  const auto it = counts.find(key);
  if (it != counts.end() && --it->second == 0) counts.erase(it);
}

}  // namespace

std::string network_of(const std::string& address) {
  const auto parsed = conf::parse_address(address);
  if (!parsed) return address;
  const bool is_four = address.find(':') == std::string::npos;
  const auto network = conf::masked(*parsed, is_four ? kMapped + kBits4 : kBits6);
  return std::string(network.address.begin(), network.address.end());
}

Admission::Verdict Admission::enter(const std::string& address, bool by_source, bool by_network) {
  const size_t free = limits_.sessions > total_ ? limits_.sessions - total_ : 0;
  const uint32_t of_source = sources_[address]++;
  const uint32_t of_network = networks_[network_of(address)]++;
  total_++;
  if (by_source && of_source >= limits_.per_source) return Verdict::kSourceCrowded;
  if (by_network && of_network >= limits_.per_network) return Verdict::kNetworkCrowded;
  if (free == 0) return Verdict::kFull;
  return by_network && of_network > 0 && of_network >= free ? Verdict::kNetworkCrowded : Verdict::kWelcome;
}

void Admission::leave(const std::string& address) {
  leave_one(sources_, address);
  leave_one(networks_, network_of(address));
  if (total_ > 0) total_--;
}

std::string Admission::most_present(size_t than) const {
  std::string out;
  for (const auto& [network, count] : networks_) {
    if (count <= than) continue;
    than = count;
    out = network;
  }
  return out;
}

size_t Admission::of_network(const std::string& address) const {
  const auto it = networks_.find(network_of(address));
  return it == networks_.end() ? 0 : it->second;
}

Admission::Rate& Admission::rate(const std::string& address, Micros now) {
  const std::string key = address.find(':') == std::string::npos ? address : network_of(address);
  auto it = rates_.find(key);
  if (it != rates_.end() && now - it->second.since < Micros(kRateWindow)) return it->second;
  if (it == rates_.end()) {
    while (rates_.size() >= kMaxRatedSources) forget_oldest();
    it = rates_.emplace(key, Rate{}).first;
  }
  it->second = {now, 0, 0};
  begun_.emplace_back(now, key);
  return it->second;
}

void Admission::forget_oldest() {
  const auto [since, key] = std::move(begun_.front());
  begun_.pop_front();
  const auto it = rates_.find(key);
  if (it != rates_.end() && it->second.since == since) rates_.erase(it);
}

bool Admission::take_message(const std::string& address, Micros now) {
  if (limits_.messages_per_hour == 0) return true;
  Rate& r = rate(address, now);
  if (r.messages >= limits_.messages_per_hour) return false;
  r.messages++;
  return true;
}

bool Admission::take_recipient(const std::string& address, Micros now) {
  if (limits_.recipients_per_hour == 0) return true;
  Rate& r = rate(address, now);
  if (r.recipients >= limits_.recipients_per_hour) return false;
  r.recipients++;
  return true;
}

void Admission::sweep(Micros now) {
  while (!begun_.empty() && now - begun_.front().first >= Micros(kRateWindow)) forget_oldest();
}

}  // namespace mailkeep::receive
