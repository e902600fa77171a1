// Parameters of MAIL and RCPT: see params.h.
// SPDX-License-Identifier: ISC
#include "lib/smtp/params.h"

#include <algorithm>
#include <span>

#include "lib/base/calendar.h"
#include "lib/base/text.h"
#include "lib/text/utf8.h"

namespace mailkeep::smtp {
namespace {

enum class Value : uint8_t { kNone, kNeeded };

template <class Params>
struct Row {
  std::string_view keyword;
  std::string_view extension;  // the EHLO keyword
  Value value;
  const char* error;  // when `take` says no
  bool (*take)(std::string_view value, Params& out);
};

bool is_printable_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= 32 && c <= 126; });
}

int hex_upper(char c) {
  if (is_digit(c)) return c - '0';
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

// --- MAIL ------------------------------------------------------------------------------------------

bool take_size(std::string_view value, MailParams& out) {
  constexpr size_t kMaxDigits = 20;  // RFC 1870 3
  out.size = value.size() > kMaxDigits ? std::nullopt : parse_u64(value);
  return out.size.has_value();
}

// 7BIT and 8BITMIME are of RFC 6152, BINARYMIME of RFC 3030 3.
bool take_body(std::string_view value, MailParams& out) {
  out.body = equals_nocase(value, "7BIT")         ? Body::seven_bit
             : equals_nocase(value, "8BITMIME")   ? Body::eight_bit
             : equals_nocase(value, "BINARYMIME") ? Body::binary
                                                  : Body::unstated;
  if (out.body == Body::binary) out.needs.push_back({"BODY=BINARYMIME", "BINARYMIME"});
  return out.body != Body::unstated;
}

bool take_smtputf8(std::string_view, MailParams& out) { return out.smtputf8 = true; }
bool take_require_tls(std::string_view, MailParams& out) { return out.require_tls = true; }

bool take_ret(std::string_view value, MailParams& out) {
  out.ret = equals_nocase(value, "FULL") ? Ret::full : equals_nocase(value, "HDRS") ? Ret::headers : Ret::unset;
  return out.ret != Ret::unset;
}

// It comes back in a DSN's header field: decoded it must be printable (RFC 3461 4.4).
bool take_envid(std::string_view value, MailParams& out) {
  const auto decoded = decode_xtext(value);
  out.envid = value;
  return value.size() <= kMaxEnvid && decoded && is_printable_ascii(*decoded);
}

// RFC 4865 4: an interval of at most nine digits, or a moment; not both.
bool take_hold_for(std::string_view value, MailParams& out) {
  const auto seconds = parse_u64(value, 999'999'999);
  if (!seconds || *seconds == 0 || out.hold_until) return false;
  out.hold_for = static_cast<int64_t>(*seconds);
  return true;
}

bool take_hold_until(std::string_view value, MailParams& out) {
  out.hold_until = parse_rfc3339(value);
  return out.hold_until.has_value() && !out.hold_for;
}

// by-value = by-time ";" by-mode [by-trace]; by-time = ["-" / "+"] 1*9digit. Nothing can be returned before it has begun.
bool take_by(std::string_view value, MailParams& out) {
  const size_t semicolon = value.find(';');
  if (semicolon == std::string_view::npos || semicolon == 0) return false;
  std::string_view digits = value.substr(0, semicolon);
  const std::string mode = upper(value.substr(semicolon + 1));
  const bool negative = digits[0] == '-';
  if (negative || digits[0] == '+') digits.remove_prefix(1);
  const auto seconds = parse_u64(digits, 999'999'999);
  if (!seconds || (mode != "R" && mode != "N" && mode != "RT" && mode != "NT")) return false;
  DeliverBy by;
  by.seconds = static_cast<int64_t>(*seconds) * (negative ? -1 : 1);
  by.notifies = mode[0] == 'N';
  by.traces = mode.size() == 2;
  out.by = by;
  return by.notifies || by.seconds > 0;
}

// priority-value = (["-"] NZDIGIT) / "0" (RFC 6710 2)
bool take_priority(std::string_view value, MailParams& out) {
  const bool negative = value[0] == '-';
  if (negative) value.remove_prefix(1);
  if (value.size() != 1 || !is_digit(value[0]) || (negative && value[0] == '0')) return false;
  out.priority = (value[0] - '0') * (negative ? -1 : 1);
  return true;
}

// RFC 4954 5. Who first submitted the message: nobody here has a reason to believe it, so it goes no further, as if it
// were "<>".
bool take_auth(std::string_view value, MailParams&) { return decode_xtext(value).has_value(); }

constexpr Row<MailParams> kMailRows[] = {
    {"SIZE", "SIZE", Value::kNeeded, "SIZE wants the message's size in bytes", take_size},       // RFC 1870
    {"BODY", "8BITMIME", Value::kNeeded, "BODY wants 7BIT, 8BITMIME or BINARYMIME", take_body},  // RFC 6152
    {"SMTPUTF8", "SMTPUTF8", Value::kNone, "SMTPUTF8 takes no value", take_smtputf8},            // RFC 6531
    {"REQUIRETLS", "REQUIRETLS", Value::kNone, "REQUIRETLS takes no value", take_require_tls},   // RFC 8689
    {"RET", "DSN", Value::kNeeded, "RET wants FULL or HDRS", take_ret},                          // RFC 3461
    {"ENVID", "DSN", Value::kNeeded, "ENVID wants at most 100 bytes of xtext", take_envid},      // RFC 3461
    {"HOLDFOR", "FUTURERELEASE", Value::kNeeded, "HOLDFOR wants seconds, without HOLDUNTIL",
     take_hold_for},  // RFC 4865
    {"HOLDUNTIL", "FUTURERELEASE", Value::kNeeded,
     "HOLDUNTIL wants a time such as 2026-01-31T12:00:00Z, without HOLDFOR", take_hold_until},
    {"BY", "DELIVERBY", Value::kNeeded, "BY wants seconds;R or seconds;N, and more than 0 with R",
     take_by},  // RFC 2852
    {"MT-PRIORITY", "MT-PRIORITY", Value::kNeeded, "MT-PRIORITY wants a number from -9 to 9",
     take_priority},                                                   // RFC 6710
    {"AUTH", "AUTH", Value::kNeeded, "AUTH is not xtext", take_auth},  // RFC 4954
};

// --- RCPT ------------------------------------------------------------------------------------------

bool take_notify(std::string_view value, RcptParams& out) {
  Notify n;
  size_t words = 0;
  for (const auto word : split(value, ',')) {
    bool* const bit = equals_nocase(word, "NEVER")     ? &n.never
                      : equals_nocase(word, "SUCCESS") ? &n.success
                      : equals_nocase(word, "FAILURE") ? &n.failure
                      : equals_nocase(word, "DELAY")   ? &n.delay
                                                       : nullptr;
    if (bit == nullptr || *bit) return false;
    *bit = true;
    words++;
  }
  out.notify = n;
  return !n.never || words == 1;
}

// addr-type ";" xtext. Of the type utf-8 (RFC 6533 3) also with UTF-8 as it is. It comes back in a DSN's header field.
bool take_orcpt(std::string_view value, RcptParams& out) {
  const size_t semicolon = value.find(';');
  if (value.size() > kMaxOrcpt || semicolon == std::string_view::npos || semicolon == 0) return false;
  const std::string_view type = value.substr(0, semicolon);
  const std::string_view address = value.substr(semicolon + 1);
  if (!std::all_of(type.begin(), type.end(), [](char c) { return is_alnum(c) || c == '-'; })) return false;
  out.is_international = !text::is_ascii(address);
  if (out.is_international && !equals_nocase(type, "utf-8")) return false;
  std::string ascii(address);  // what is UTF-8 is known to be well-formed; the rest must be xtext
  std::replace_if(
      ascii.begin(), ascii.end(), [](char c) { return static_cast<unsigned char>(c) >= 128; }, 'u');
  const auto decoded = decode_xtext(ascii);
  out.orcpt = value;
  return decoded && !decoded->empty() && is_printable_ascii(*decoded);
}

constexpr Row<RcptParams> kRcptRows[] = {
    {"NOTIFY", "DSN", Value::kNeeded, "NOTIFY wants NEVER, or some of SUCCESS,FAILURE,DELAY", take_notify},  // RFC 3461
    {"ORCPT", "DSN", Value::kNeeded, "ORCPT wants type;address in xtext", take_orcpt},                       // RFC 3461
};

// --- both ------------------------------------------------------------------------------------------

// esmtp-keyword = (ALPHA / DIGIT) *(ALPHA / DIGIT / "-")
bool is_keyword(std::string_view text) {
  if (text.empty() || text.size() > 40 || !is_alnum(text[0])) return false;
  return std::all_of(text.begin(), text.end(), [](char c) { return is_alnum(c) || c == '-'; });
}

// esmtp-value = 1*(%d33-60 / %d62-126) here with "=", which RFC 4954 forgives, and UTF-8 (RFC 6531 3.3)
Status check_value(std::string_view value) {
  if (value.empty()) return Error("parameter without value");
  for (size_t at = 0; at < value.size();) {
    const char32_t rune = text::next_rune(value, at);
    if (rune <= 32 || (rune > 126 && rune < 0xa0) || rune == text::kBadRune) return Error("bad byte in a parameter");
  }
  return {};
}

template <class Params>
Status take_param(std::string_view word, std::span<const Row<Params>> rows, bool may_be_utf8, Params& out) {
  const size_t equals = word.find('=');
  const std::string keyword = upper(word.substr(0, equals));
  if (!is_keyword(keyword)) return Error("bad parameter");
  if (std::any_of(out.needs.begin(), out.needs.end(), [&](const Need& n) { return n.param == keyword; }))
    return Error("parameter given twice");
  const std::string_view value = equals == std::string_view::npos ? "" : word.substr(equals + 1);
  if (equals != std::string_view::npos) {
    if (auto good = check_value(value); !good) return good;
  }
  const auto row = std::find_if(rows.begin(), rows.end(), [&](const Row<Params>& r) { return r.keyword == keyword; });
  out.needs.push_back({keyword, row == rows.end() ? std::string_view() : row->extension});
  if (row == rows.end()) return {};
  if (!may_be_utf8 && !text::is_ascii(value)) return Error("bad byte in a parameter");
  const bool has_value = equals != std::string_view::npos;
  if (has_value != (row->value == Value::kNeeded) || !row->take(value, out)) return Error(row->error);
  return {};
}

// esmtp-param *(SP esmtp-param)
template <class Params>
Result<Params> parse_params(std::string_view text, std::span<const Row<Params>> rows, bool may_be_utf8) {
  Params out;
  size_t count = 0;
  for (const std::string_view word : split(text, ' ')) {
    if (word.empty()) continue;
    if (++count > kMaxParams) return Error("too many parameters");
    if (auto taken = take_param<Params>(word, rows, may_be_utf8, out); !taken) return taken.error();
  }
  return out;
}

}  // namespace

Result<MailParams> parse_mail_params(std::string_view text) { return parse_params<MailParams>(text, kMailRows, false); }
Result<RcptParams> parse_rcpt_params(std::string_view text) { return parse_params<RcptParams>(text, kRcptRows, true); }

std::string encode_xtext(std::string_view text) {
  std::string out;
  for (const char& c : text) {
    const bool is_plain = c > ' ' && c <= '~' && c != '+' && c != '=';
    out += is_plain ? std::string(1, c) : "+" + upper(hex(std::string_view(&c, 1)));
  }
  return out;
}

Result<std::string> decode_xtext(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] <= 32 || text[i] > 126 || text[i] == '=') return Error("bad byte in xtext");
    if (text[i] != '+') {
      out += text[i];
      continue;
    }
    const int high = i + 2 < text.size() ? hex_upper(text[i + 1]) : -1;
    const int low = high < 0 ? -1 : hex_upper(text[i + 2]);
    if (low < 0) return Error("bad escape in xtext");
    out += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return out;
}

}  // namespace mailkeep::smtp
