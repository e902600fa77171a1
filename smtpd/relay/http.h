// An answer of an HTTP/1.1 server (RFC 9112) to one GET with "Connection: close": as much of HTTP as fetching a small text needs.
// Pure. Trusts nothing: every part has its limit, and what is not plainly one answer is an error. So is a body that only the
// connection's end ends: whoever is on the way can cut that short, and TLS's own end does not come this far.
// SPDX-License-Identifier: ISC
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "lib/base/result.h"

namespace mailkeep::relay {

constexpr size_t kMaxHttpHead = 16 * 1024;
constexpr size_t kMaxHttpBody = 64 * 1024;                            // RFC 8461 3.3 suggests as much for a policy
constexpr size_t kMaxHttpAnswer = 4 * (kMaxHttpHead + kMaxHttpBody);  // chunks of one byte each take that

struct HttpAnswer {
  int status = 0;
  std::string type;  // of Content-Type, lower case, without parameters
  std::string body;
};

// `bytes`: all that came so far; `ended`: nothing more will come. Nothing: more is needed.
std::optional<mailkeep::Result<HttpAnswer>> parse_http(std::string_view bytes, bool ended);

}  // namespace mailkeep::relay
