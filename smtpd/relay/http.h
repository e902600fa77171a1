// One request to an HTTP/1.1 server (RFC 9112) with "Connection: close", and its answer: as much of HTTP as fetching a
// small text and handing in a report need.
// Pure. Trusts nothing: every part has its limit, and what is not plainly one answer is an error. So is a body that
// only the connection's end ends: whoever is on the way can cut that short, and TLS's own end does not come this far.
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

constexpr uint16_t kHttpsPort = 443;

struct HttpRequest {
  std::string host;  // a name: tls verifies that the server's certificate is for it
  uint16_t port = kHttpsPort;
  std::string path;  // with the query, as it goes into the request
  bool is_post = false;
  std::string accept;  // of a GET
  std::string type;    // of a POST's body
  std::string body;
};
std::string write_http(const HttpRequest& request);

struct HttpAnswer {
  int status = 0;
  std::string type;  // of Content-Type, lower case, without parameters
  std::string body;
};

// `bytes`: all that came so far; `ended`: nothing more will come. Nothing: more is needed.
std::optional<mailkeep::Result<HttpAnswer>> parse_http(std::string_view bytes, bool ended);
// The status alone, for a request of which nothing but its success matters: a body is not looked at. Interim answers
// (RFC 9110 15.2) are passed over.
std::optional<mailkeep::Result<int>> parse_http_status(std::string_view bytes, bool ended);

}  // namespace mailkeep::relay
