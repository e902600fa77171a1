// The URIs of a TLSRPT record: see report_uri.h.
// SPDX-License-Identifier: ISC
#include "smtpd/relay/report_uri.h"

#include <algorithm>
#include <optional>

#include "lib/base/text.h"
#include "lib/smtp/address.h"
#include "lib/text/tags.h"
#include "smtpd/relay/http.h"

namespace mailkeep::relay {
namespace {

bool is_visible(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 127; });
}

// No address and no name of one label: those are of no use but to make us knock at doors of our own net.
bool is_web_host(std::string_view text) {
  const size_t dot = text.rfind('.');
  if (dot == text.npos || dot + 1 == text.size() || !smtp::is_domain(text)) return false;
  return std::any_of(text.begin() + static_cast<std::ptrdiff_t>(dot), text.end(), is_alpha);
}

// RFC 9110 4.2.2: "https://" host [":" port] path-abempty ["?" query]; a fragment is not sent, userinfo is refused
// (4.2.4).
std::optional<ReportUri> parse_https(std::string_view text) {
  constexpr std::string_view kScheme = "https://";
  if (!starts_with_nocase(text, kScheme) || !is_visible(text)) return {};
  ReportUri out;
  out.text = text;
  out.port = kHttpsPort;
  std::string_view rest = text.substr(kScheme.size());
  rest = rest.substr(0, rest.find('#'));
  const size_t end = std::min(rest.find_first_of("/?"), rest.size());
  std::string_view host = rest.substr(0, end);
  out.path = rest.substr(end);
  if (!out.path.starts_with('/')) out.path.insert(0, "/");
  if (const size_t colon = host.find(':'); colon != host.npos) {
    const std::string_view digits = host.substr(colon + 1);
    const auto port = digits.empty() ? std::optional<uint64_t>(kHttpsPort) : parse_u64(digits, UINT16_MAX);
    if (!port || *port == 0) return {};
    out.port = static_cast<uint16_t>(*port);
    host = host.substr(0, colon);
  }
  if (!is_web_host(host)) return {};
  out.host = lower(host);
  return out;
}

std::optional<ReportUri> parse_mailto(std::string_view text) {
  constexpr std::string_view kScheme = "mailto:";
  if (!starts_with_nocase(text, kScheme)) return {};
  ReportUri out;
  out.text = text.substr(0, text.find_first_of("!?"));
  out.address = out.text.substr(kScheme.size());
  if (!smtp::parse_mailbox(out.address)) return {};
  return out;
}

}  // namespace

std::vector<ReportUri> parse_rua(const std::vector<std::string>& texts) {
  std::vector<ReportUri> out;
  const auto tags = text::tags_of_record(texts, "TLSRPTv1");
  if (!tags) return out;
  for (const text::Tag& tag : *tags) {
    if (tag.name != "rua") continue;
    for (const std::string_view one : split(tag.value, ',')) {
      const std::string_view uri = trim(one);
      if (uri.size() > kMaxRuaText || out.size() >= kMaxRua) continue;
      auto parsed = parse_https(uri);
      if (!parsed) parsed = parse_mailto(uri);
      if (!parsed || std::any_of(out.begin(), out.end(), [&](const auto& u) { return u.text == parsed->text; }))
        continue;
      out.push_back(std::move(*parsed));
    }
  }
  return out;
}

}  // namespace mailkeep::relay
