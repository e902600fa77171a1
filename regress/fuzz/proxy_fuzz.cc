// lib/receive: PROXY headers and XCLIENT arguments. A header never wants bytes of the client's, and what is taken is an
// address.
// SPDX-License-Identifier: ISC
#include "lib/receive/proxy_header.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cstdlib>

#include "lib/receive/xclient.h"

using namespace mailkeep::receive;

static void check_address(const std::string& text) {
  unsigned char bytes[16];
  if (inet_pton(text.find(':') == std::string::npos ? AF_INET : AF_INET6, text.c_str(), bytes) != 1) abort();
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view in(reinterpret_cast<const char*>(data), size);
  if (const auto xclient = parse_xclient(in); xclient && xclient->address.is_known())
    check_address(xclient->address.value);
  size_t have = 0;
  for (;;) {
    const auto header = parse_proxy_header(in.substr(0, have));
    if (!header) break;
    if (header->wanted == 0) {
      if (!header->is_local) check_address(header->source);
      if (header->is_local != header->source.empty() || have > std::max(kMaxProxyV1, kMaxProxyV2)) abort();
      break;
    }
    if (have + header->wanted > in.size()) break;
    have += header->wanted;
  }
  return 0;
}
