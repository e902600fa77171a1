// Modified UTF-7: "&" shifts to base64 of UTF-16BE with "," for "/" and no padding, "-" shifts back, "&-" is "&".
// SPDX-License-Identifier: ISC
#include "lib/text/mailbox_name.h"

#include <cstdint>

#include "lib/text/base64.h"
#include "lib/text/utf8.h"

namespace mailkeep::text {
namespace {

bool is_direct(char32_t rune) { return rune >= 0x20 && rune <= 0x7E; }

// The runes of one shifted sequence, appended to `out` as UTF-8.
Status decode_shifted(std::string_view encoded, std::string& out) {
  std::string base64(encoded);
  for (char& c : base64) {
    if (c == '/') return Error("mailbox name: '/' inside a shifted sequence");
    if (c == '=') return Error("mailbox name: padding inside a shifted sequence");
    if (c == ',') c = '/';
  }
  while (base64.size() % 4 != 0) base64 += '=';
  const Result<std::string> utf16 = base64_decode(base64);
  if (!utf16) return Error("mailbox name: bad shifted sequence");
  if (utf16->size() % 2 != 0) return Error("mailbox name: odd length of UTF-16");
  char32_t high = 0;
  for (size_t i = 0; i < utf16->size(); i += 2) {
    const auto unit =
        static_cast<char32_t>(static_cast<uint8_t>((*utf16)[i]) << 8 | static_cast<uint8_t>((*utf16)[i + 1]));
    const bool is_low = unit >= 0xDC00 && unit <= 0xDFFF;
    if (is_low != (high != 0)) return Error("mailbox name: lone surrogate");
    if (unit >= 0xD800 && unit <= 0xDBFF) {
      high = unit;
      continue;
    }
    const char32_t rune = is_low ? 0x10000 + ((high - 0xD800) << 10) + (unit - 0xDC00) : unit;
    high = 0;
    if (is_direct(rune)) return Error("mailbox name: printable ASCII was encoded");
    if (rune == 0 || rune == '\r' || rune == '\n') return Error("mailbox name: control character");
    append_rune(out, rune);
  }
  if (high != 0) return Error("mailbox name: lone surrogate");
  return {};
}

void append_unit(std::string& utf16, char32_t unit) {
  utf16 += static_cast<char>(unit >> 8);
  utf16 += static_cast<char>(unit & 255);
}

std::string encode_shifted(const std::string& utf16) {
  std::string out = base64_encode(utf16);
  while (!out.empty() && out.back() == '=') out.pop_back();
  for (char& c : out) {
    if (c == '/') c = ',';
  }
  return std::string("&").append(out).append("-");
}

}  // namespace

Result<std::string> mailbox_name_to_utf8(std::string_view mutf7) {
  if (mutf7.size() > kMaxMailboxName) return Error("mailbox name: too long");
  std::string out;
  bool after_shift = false;
  for (size_t i = 0; i < mutf7.size(); ++i) {
    if (!is_direct(static_cast<uint8_t>(mutf7[i]))) return Error("mailbox name: byte that is not printable ASCII");
    if (mutf7[i] != '&') {
      out += mutf7[i];
      after_shift = false;
      continue;
    }
    const size_t end = mutf7.find('-', i);
    if (end == std::string_view::npos) return Error("mailbox name: shift without end");
    if (end == i + 1) {
      out += '&';
      after_shift = false;
    } else {
      if (after_shift) return Error("mailbox name: superfluous shift");
      const Status decoded = decode_shifted(mutf7.substr(i + 1, end - i - 1), out);
      if (!decoded) return decoded.error();
      after_shift = true;
    }
    i = end;
  }
  return out;
}

Result<std::string> mailbox_name_from_utf8(std::string_view utf8) {
  std::string out;
  std::string utf16;
  for (size_t at = 0; at < utf8.size() && out.size() <= kMaxMailboxName;) {
    const char32_t rune = next_rune(utf8, at);
    if (rune == kBadRune) return Error("mailbox name: bad UTF-8");
    if (rune == 0 || rune == '\r' || rune == '\n') return Error("mailbox name: control character");
    if (is_direct(rune)) {
      if (!utf16.empty()) out += encode_shifted(utf16);
      utf16.clear();
      out += static_cast<char>(rune);
      if (rune == '&') out += '-';
    } else if (rune >= 0x10000) {
      append_unit(utf16, 0xD800 + ((rune - 0x10000) >> 10));
      append_unit(utf16, 0xDC00 + ((rune - 0x10000) & 0x3FF));
    } else {
      append_unit(utf16, rune);
    }
    if (utf16.size() > 2 * kMaxMailboxName) return Error("mailbox name: too long");
  }
  if (!utf16.empty()) out += encode_shifted(utf16);
  if (out.size() > kMaxMailboxName) return Error("mailbox name: too long");
  return out;
}

}  // namespace mailkeep::text
