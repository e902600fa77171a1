// UTF-8: see the header.
// SPDX-License-Identifier: ISC
#include "lib/text/utf8.h"

#include <algorithm>

namespace mailkeep::text {

char32_t next_rune(std::string_view text, size_t& at) {
  const auto lead = static_cast<uint8_t>(text[at++]);
  if (lead < 0x80) return lead;
  const size_t more = lead >= 0xF0 ? 3 : lead >= 0xE0 ? 2 : 1;
  if (lead < 0xC2 || lead > 0xF4 || text.size() - at < more) return kBadRune;
  char32_t rune = lead & (0x3FU >> more);
  for (size_t i = 0; i < more; ++i) {
    const auto c = static_cast<uint8_t>(text[at + i]);
    if ((c & 0xC0) != 0x80) return kBadRune;
    rune = (rune << 6) | (c & 0x3F);
  }
  const bool overlong = (more == 2 && rune < 0x800) || (more == 3 && rune < 0x10000);
  if (overlong || rune > 0x10FFFF || (rune >= 0xD800 && rune <= 0xDFFF)) return kBadRune;
  at += more;
  return rune;
}

void append_rune(std::string& out, char32_t rune) {
  const auto put = [&out](char32_t byte) { out += static_cast<char>(byte); };
  if (rune < 0x80) {
    put(rune);
  } else if (rune < 0x800) {
    put(0xC0 | (rune >> 6));
    put(0x80 | (rune & 0x3F));
  } else if (rune < 0x10000) {
    put(0xE0 | (rune >> 12));
    put(0x80 | ((rune >> 6) & 0x3F));
    put(0x80 | (rune & 0x3F));
  } else {
    put(0xF0 | (rune >> 18));
    put(0x80 | ((rune >> 12) & 0x3F));
    put(0x80 | ((rune >> 6) & 0x3F));
    put(0x80 | (rune & 0x3F));
  }
}

bool is_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return static_cast<uint8_t>(c) < 0x80; });
}

bool is_utf8(std::string_view text) {
  for (size_t at = 0; at < text.size();) {
    if (next_rune(text, at) == kBadRune) return false;
  }
  return true;
}

std::string repair_utf8(std::string_view text, size_t max) {
  std::string out;
  for (size_t at = 0; at < text.size();) {
    const size_t start = at;
    const char32_t rune = next_rune(text, at);
    const std::string_view piece = rune == kBadRune ? std::string_view("\xEF\xBF\xBD") : text.substr(start, at - start);
    if (out.size() + piece.size() > max) break;
    out += piece;
  }
  return out;
}

}  // namespace mailkeep::text
