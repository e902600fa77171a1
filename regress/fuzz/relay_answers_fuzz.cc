// smtpd/relay: what web servers and the DNS say of a domain's TLS policy: answers of HTTP, policies of MTA-STS, TXT
// records of MTA-STS and TLSRPT. What is taken keeps its limits, and more bytes never make an answer out of an error.
// SPDX-License-Identifier: ISC
#include <algorithm>
#include <cstdlib>

#include "smtpd/relay/http.h"
#include "smtpd/relay/report_uri.h"
#include "smtpd/relay/sts.h"

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

// What a server says to a report: decided by its head, and not otherwise by what follows.
static void check_status(std::string_view in) {
  std::optional<int> decided;
  for (size_t have = 0; have <= in.size(); have += 1 + have / 8) {
    const auto status = parse_http_status(in.substr(0, have), false);
    const int is = !status ? 0 : *status ? **status : -1;
    if (is > 0 && (is < 200 || is > 999)) abort();
    if (decided && *decided != is) abort();
    if (is != 0) decided = is;
  }
  if (!parse_http_status(in, true)) abort();
}

static bool is_printable(const std::string& text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) > ' '; });
}

static void check_rua(const std::vector<std::string>& texts) {
  const auto rua = parse_rua(texts);
  if (rua.size() > kMaxRua) abort();
  for (const auto& uri : rua) {
    if (!is_printable(uri.address) || !is_printable(uri.host) || !is_printable(uri.path)) abort();
    if (uri.text.empty() || uri.text.size() > kMaxRuaText || uri.address.empty() == uri.host.empty()) abort();
    if (uri.address.empty() && (uri.port == 0 || !uri.path.starts_with('/') || uri.host.find('@') != uri.host.npos))
      abort();
  }
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view in(reinterpret_cast<const char*>(data), size);
  check_http(in);
  check_status(in);
  if (const auto policy = parse_sts_policy(in)) {
    if (policy->policy.hosts.size() > kMaxStsHosts || policy->max_age < 0 || policy->max_age > kMaxAge) abort();
  }
  const std::vector<std::string> one = {std::string(in)}, two = {std::string(in), std::string(in)};
  if (const auto id = parse_sts_texts(one)) {
    if (id->empty() || id->size() > kMaxStsId || parse_sts_texts(two)) abort();
  }
  check_rua(one);
  return 0;
}
