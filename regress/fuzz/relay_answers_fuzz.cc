// smtpd/relay: what web servers and the DNS say of a domain's TLS policy: answers of HTTP, policies of MTA-STS, TXT records of
// MTA-STS and TLSRPT. What is taken keeps its limits, and more bytes never make an answer out of an error.
// SPDX-License-Identifier: ISC
#include <algorithm>
#include <cstdlib>

#include "smtpd/relay/http.h"
#include "smtpd/relay/sts.h"
#include "smtpd/relay/tls_report.h"

using namespace mailkeep::relay;

static void check_http(std::string_view in) {
  bool failed = false;
  for (size_t have = 0; have <= in.size(); have += 1 + have / 8) {
    const auto answer = parse_http(in.substr(0, have), false);
    if (!answer) continue;
    if (failed && *answer) abort();
    failed = !*answer;
    if (*answer && ((*answer)->body.size() > kMaxHttpBody || (*answer)->status < 100 || (*answer)->status > 999))
      abort();
  }
  if (!parse_http(in, true)) abort();  // nothing more comes: it is an answer or an error
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view in(reinterpret_cast<const char*>(data), size);
  check_http(in);
  if (const auto policy = parse_sts_policy(in)) {
    if (policy->policy.hosts.size() > kMaxStsHosts || policy->max_age < 0 || policy->max_age > kMaxAge) abort();
  }
  const std::vector<std::string> one = {std::string(in)}, two = {std::string(in), std::string(in)};
  if (const auto id = parse_sts_texts(one)) {
    if (id->empty() || id->size() > kMaxStsId || parse_sts_texts(two)) abort();
  }
  const auto rua = parse_rua(one);
  if (rua.size() > kMaxRua) abort();
  for (const auto& address : rua) {
    if (std::any_of(address.begin(), address.end(), [](char c) { return static_cast<unsigned char>(c) <= ' '; }))
      abort();
  }
  return 0;
}
