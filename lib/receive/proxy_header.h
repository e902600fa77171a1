// The PROXY protocol, versions 1 and 2 (haproxy's proxy-protocol.txt): what a load balancer that we trust says before
// the client's first byte about where that client is. Strict and pure; heard from named sources only, before TLS.
//
//   v1: "PROXY" SP ( "TCP4" / "TCP6" ) SP source SP destination SP port SP port CRLF, or "PROXY UNKNOWN" ... CRLF; 107 bytes at most
//   v2: signature (12), version and command, family, length (2), addresses, TLVs
// SPDX-License-Identifier: ISC
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "lib/base/result.h"

namespace mailkeep::receive {

constexpr size_t kMaxProxyV1 = 107;
constexpr size_t kMaxProxyV2 = 16 + 2048;  // the addresses and what TLVs anybody sends

struct ProxyHeader {
  // How many bytes may be read now without taking any that belong to the client; 0: the header is whole.
  size_t wanted = 0;
  bool is_local = false;  // the proxy speaks for itself, or knows nothing: the connection's own address counts
  std::string source;     // numeric
  uint16_t source_port = 0;
};

// `have`: all bytes so far. Error: it is no PROXY header.
Result<ProxyHeader> parse_proxy_header(std::string_view have);

}  // namespace mailkeep::receive
