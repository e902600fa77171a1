// The administrator's TLS policies: see tls_policy.h.
// SPDX-License-Identifier: ISC
#include "lib/conf/tls_policy.h"

#include <set>

#include "lib/conf/lines.h"
#include "lib/conf/names.h"

namespace mailkeep::conf {
namespace {

constexpr size_t kMaxWords = 8;  // names or fingerprints of an entry

std::vector<std::string_view> words_of(std::string_view text) {
  std::vector<std::string_view> out;
  while (!(text = trim(text)).empty()) {
    const size_t end = std::min(text.find_first_of(" \t"), text.size());
    out.push_back(text.substr(0, end));
    text.remove_prefix(end);
  }
  return out;
}

std::optional<std::string> parse_fingerprint(std::string_view text) {
  if (!starts_with_nocase(text, "sha256:")) return {};
  std::string digits;
  for (const char c : text.substr(7)) {
    if (c != ':') digits += c;
  }
  if (digits.size() != 64) return {};
  std::string out;
  for (size_t i = 0; i < digits.size(); i += 2) {
    const auto byte = parse_hex64(std::string_view(digits).substr(i, 2));
    if (!byte) return {};
    out += static_cast<char>(*byte);
  }
  return out;
}

bool parse_value(std::string_view value, TlsRule& out) {
  const auto words = words_of(value);
  if (words.empty() || words.size() > kMaxWords + 2) return false;
  const std::string_view level = words[0];
  if (level == "fingerprint") {
    for (size_t i = 1; i < words.size(); i++) {
      const auto digest = parse_fingerprint(words[i]);
      if (!digest) return false;
      out.fingerprints.push_back(*digest);
    }
    return !out.fingerprints.empty() && out.fingerprints.size() <= kMaxWords;
  }
  out.tls = level == "none"      ? RelayTls::none
            : level == "may"     ? RelayTls::may
            : level == "encrypt" ? RelayTls::encrypt
                                 : RelayTls::verify;
  if (out.tls != RelayTls::verify || words.size() == 1)
    return words.size() == 1 && (out.tls != RelayTls::verify || level == "verify");
  if (level != "verify" || words[1] != "match" || words.size() == 2) return false;
  for (size_t i = 2; i < words.size(); i++) {
    if (!is_domain(words[i])) return false;
    out.names.push_back(lower(words[i]));
  }
  return true;
}

}  // namespace

const std::string kTlsPolicyValue =
    "none, may, encrypt, verify, verify match and names, or fingerprint and sha256: digests";

bool is_tls_pattern(std::string_view text) { return is_domain(text.substr(0, 2) == "*." ? text.substr(2) : text); }

std::optional<TlsRule> parse_tls_rule(std::string_view pattern, std::string_view value) {
  TlsRule out;
  out.pattern = lower(pattern);
  if (!is_tls_pattern(pattern) || !parse_value(value, out)) return {};
  return out;
}

Result<std::vector<TlsRule>> parse_tls_rules(std::string_view text, const std::string& path) {
  std::vector<TlsRule> out;
  std::set<std::string> seen;
  const auto status = each_line(text, path, [&](const Line& line) -> Status {
    const size_t end = std::min(line.text.find_first_of(" \t"), line.text.size());
    const std::string_view pattern = line.text.substr(0, end);
    const std::string_view value = trim(line.text.substr(end));
    if (!is_tls_pattern(pattern)) return line.error(pattern, "a domain name, or *. and one");
    auto rule = parse_tls_rule(pattern, value);
    if (!rule) return line.error(value, kTlsPolicyValue);
    if (!seen.insert(rule->pattern).second) return line.error(pattern, "each domain once");
    if (out.size() == kMaxTlsRules) return line.error(pattern, "at most " + std::to_string(kMaxTlsRules) + " domains");
    out.push_back(std::move(*rule));
    return {};
  });
  if (!status) return status.error();
  return out;
}

std::vector<TlsRule> tls_rules_of(const Table& table) {
  std::vector<TlsRule> out;
  for (const TableEntry& e : table.entries) {
    if (auto rule = parse_tls_rule(e.key, e.value)) out.push_back(std::move(*rule));
  }
  return out;
}

}  // namespace mailkeep::conf
