// The Sender Rewriting Scheme: see srs.h.
// SPDX-License-Identifier: ISC
#include "lib/srs/srs.h"

#include <algorithm>

#include "lib/base/text.h"
#include "lib/crypto/hmac.h"

namespace mailkeep::srs {
namespace {

constexpr std::string_view kDigits = "abcdefghijklmnopqrstuvwxyz234567";  // RFC 4648 6, in lower case
constexpr int64_t kDay = 86400;

// The level is part of it: what is signed as an SRS1 is a stranger's text, and would else do as an SRS0.
std::string hash(const std::string& key, int level, std::string_view text) {
  const std::string mac = crypto::hmac_sha256(key, std::to_string(level) + lower(text));
  if (mac.empty()) return "";
  uint64_t bits = 0;
  for (size_t i = 0; i < 5; i++) bits = bits << 8 | static_cast<uint8_t>(mac[i]);
  std::string out;
  for (size_t i = 0; i < kHash; i++) out += kDigits[bits >> (35 - 5 * i) & 31];
  return out;
}

bool is_equal(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  int difference = 0;
  for (size_t i = 0; i < a.size(); i++) difference |= a[i] ^ b[i];
  return difference == 0;
}

bool is_good(const Settings& s, int level, std::string_view given, std::string_view text) {
  bool good = false;
  for (const auto& key : s.keys) {
    const std::string own = hash(key, level, text);
    good = (!own.empty() && is_equal(lower(given), own)) || good;
  }
  return good;
}

std::string day_text(int64_t now) {
  const auto day = static_cast<size_t>(now / kDay % kDays);
  return {kDigits[day >> 5], kDigits[day & 31]};
}

// How many days ago that was; none: no such text.
std::optional<int64_t> age_of(std::string_view text, int64_t now) {
  if (text.size() != 2) return {};
  const size_t high = kDigits.find(to_lower(text[0])), low = kDigits.find(to_lower(text[1]));
  if (high == kDigits.npos || low == kDigits.npos) return {};
  const auto day = static_cast<int64_t>(high << 5 | low);
  const int64_t age = ((now / kDay - day) % kDays + kDays) % kDays;
  return age > kDays / 2 ? age - kDays : age;  // of tomorrow
}

bool is_separator(char c) { return c == '=' || c == '+' || c == '-'; }

// "SRS0=" or "SRS0+" or "SRS0-"; 0 or 1, and what follows.
struct Tagged {
  int level;
  std::string_view rest;
};
std::optional<Tagged> tag_of(std::string_view local) {
  if (local.size() < 6 || !starts_with_nocase(local, "SRS")) return {};
  if ((local[3] != '0' && local[3] != '1') || !is_separator(local[4])) return {};
  return Tagged{local[3] - '0', local.substr(5)};
}

// Cuts what is before the next '=' off `text`; none: there is none.
std::optional<std::string_view> cut(std::string_view& text) {
  const size_t at = text.find('=');
  if (at == text.npos) return {};
  const auto out = text.substr(0, at);
  text.remove_prefix(at + 1);
  return out;
}

// "host" "=" and what stands behind "SRS0" at that host: what an SRS1 says behind its hash.
bool leads_to_srs0(std::string_view text) {
  const auto host = cut(text);
  return host && smtp::is_domain(*host) && text.size() > 1 && is_separator(text[0]);
}

std::optional<smtp::Mailbox> made(const Settings& s, std::string local) {
  if (local.size() > kMaxLocalPart || local.size() + 1 + s.domain.size() > kMaxAddress) return {};
  return smtp::Mailbox{std::move(local), s.domain};
}

Result<smtp::Mailbox> to_address(std::string_view local, std::string_view domain) {
  auto out = smtp::parse_mailbox(smtp::Mailbox{std::string(local), std::string(domain)}.text());
  if (!out) return Error("not an address that was rewritten here");
  return std::move(*out);
}

}  // namespace

std::optional<smtp::Mailbox> rewrite(const Settings& s, const smtp::Mailbox& sender, int64_t now) {
  if (s.keys.empty()) return {};
  const auto tagged = tag_of(sender.local);
  std::string text;
  std::string_view rest = tagged ? tagged->rest : std::string_view();
  if (tagged && tagged->level == 0) {
    text = sender.canonical_domain() + "=" + sender.local.substr(4);
  } else if (tagged && cut(rest) && leads_to_srs0(rest)) {  // the hash of another host goes, the first host stays
    text = rest;
  } else {
    text = day_text(now) + "=" + sender.canonical_domain() + "=" + sender.local;
    return made(s, "SRS0=" + hash(s.keys.front(), 0, text) + "=" + text);
  }
  return made(s, "SRS1=" + hash(s.keys.front(), 1, text) + "=" + text);
}

bool is_rewritten(const Settings& s, const smtp::Mailbox& address) {
  return s.is_on() && tag_of(address.local) && address.canonical_domain() == s.domain;
}

Result<smtp::Mailbox> reverse(const Settings& s, const smtp::Mailbox& address, int64_t now) {
  const Error bad("not an address that was rewritten here");
  const auto tagged = tag_of(address.local);
  if (!tagged) return bad;
  std::string_view rest = tagged->rest;
  const auto given = cut(rest);
  if (!given || !is_good(s, tagged->level, *given, rest)) return bad;
  if (tagged->level == 1) {
    if (!leads_to_srs0(rest)) return bad;
    const auto host = cut(rest);
    return to_address("SRS0" + std::string(rest), *host);
  }
  const auto day = cut(rest);
  const auto domain = cut(rest);
  const auto age = day ? age_of(*day, now) : std::nullopt;
  if (!domain || rest.empty() || !age) return bad;
  if (*age > s.max_age || *age < -kClockSlack) return Error("this address was rewritten too long ago");
  return to_address(rest, *domain);
}

}  // namespace mailkeep::srs
