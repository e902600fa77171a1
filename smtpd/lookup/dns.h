// From the parent's Dns message to the settings of the resolver and of the search for hops.
// SPDX-License-Identifier: ISC
#pragma once

#include "lib/dns/resolver.h"
#include "smtpd/lookup/hops.h"
#include "smtpd/lookup/messages.h"

namespace mailkeep::lookup {

constexpr size_t kMaxSystemFile = 256 * 1024;  // resolv.conf, hosts, trust anchors; of hosts what is beyond is not read

struct DnsSettings {
  dns::Settings resolver;
  FinderConfig finder;
};

// Error: a file that cannot be read, or a value that is none.
Result<DnsSettings> read_dns(const Dns& m, const std::string& hostname);

}  // namespace mailkeep::lookup
