// Writing IMAP's responses. Pure; runs in imapd and `user`.
// SPDX-License-Identifier: ISC
#include "lib/imap/writer.h"

#include <algorithm>

#include "lib/base/text.h"
#include "lib/imap/lexer.h"

namespace mailkeep::imap {
namespace {

constexpr size_t kMaxQuoted = 1000;  // longer strings go as literals: some clients cap their lines

bool is_text_char(char c) { return c > 0 && c != '\r' && c != '\n' && c != 0x7f; }

}  // namespace

void write_literal_header(std::string& out, uint64_t size) {
  out += '{';
  out += std::to_string(size);
  out += "}\r\n";
}

void write_string(std::string& out, std::string_view text) {
  if (text.size() <= kMaxQuoted && std::all_of(text.begin(), text.end(), is_text_char)) {
    out += '"';
    for (char c : text) {
      if (c == '"' || c == '\\') out += '\\';
      out += c;
    }
    out += '"';
    return;
  }
  const auto nuls = static_cast<size_t>(std::count(text.begin(), text.end(), '\0'));
  write_literal_header(out, text.size() - nuls);
  for (char c : text)
    if (c != '\0') out += c;
}

void write_astring(std::string& out, std::string_view text) {
  if (!text.empty() && text.size() <= kMaxQuoted && std::all_of(text.begin(), text.end(), is_astring_char) &&
      !equals_nocase(text, "NIL")) {
    out += text;
    return;
  }
  write_string(out, text);
}

void write_text(std::string& out, std::string_view text) {
  for (char c : text) out += is_text_char(c) ? c : '?';
}

}  // namespace mailkeep::imap
