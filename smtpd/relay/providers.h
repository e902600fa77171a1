// Groups of receivers, told by where a domain's MX hosts are: however many domains a large provider serves, it counts
// what comes from one sender. What is shipped here, the configuration may change group by group. Pure; run by relay.
// SPDX-License-Identifier: ISC
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "smtpd/relay/messages.h"

namespace mailkeep::relay {

constexpr std::string_view kOthers = "others";  // whoever is of no group; no limit of connections

const std::vector<Provider>& shipped_providers();

class Providers {
 public:
  Providers();  // the shipped ones
  // Takes the place of the one of that name. Suffixes that it does not name stay; limits are all its own.
  void set(Provider provider);
  // By the host's name: the longest suffix of whole labels.
  std::string_view find(std::string_view host) const;
  const Provider* get(std::string_view name) const;  // nullptr: no such group
  const std::map<std::string, Provider, std::less<>>& all() const { return groups_; }

 private:
  std::map<std::string, Provider, std::less<>> groups_;
  std::map<std::string, std::string, std::less<>> suffixes_;  // group
};

}  // namespace mailkeep::relay
