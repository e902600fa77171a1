// Where a domain wants its TLS reports (RFC 8460 3): the rua of the TXT record at _smtp._tls. Pure.
// Run by relay. Trusts nothing of the record: an address has the grammar of one, a web server a name that a certificate
// can be for.
// SPDX-License-Identifier: ISC
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace mailkeep::relay {

constexpr size_t kMaxRua = 4;  // URIs of one domain
constexpr size_t kMaxRuaText = 500;

struct ReportUri {
  std::string text;     // as the record has it, without what follows "!" of a mailto
  std::string address;  // of mailto; empty: https
  std::string host;     // of https: a name, lower case
  uint16_t port = 0;
  std::string path;  // with the query
};

// Those of the one record of version TLSRPTv1, each once.
std::vector<ReportUri> parse_rua(const std::vector<std::string>& texts);

}  // namespace mailkeep::relay
