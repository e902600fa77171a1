// Quoted-printable: see the header.
// SPDX-License-Identifier: ISC
#include "lib/text/quoted_printable.h"

namespace mailkeep::text {
namespace {

// The byte that "=XY" at `at` stands for, or -1.
int escape_at(std::string_view text, size_t at) {
  if (text.size() - at < 3) return -1;
  const int high = hex_value(text[at + 1]);
  const int low = hex_value(text[at + 2]);
  return high < 0 || low < 0 ? -1 : high * 16 + low;
}

// One line without its line end, already stripped of trailing white space.
void decode_line(std::string_view line, std::string& out) {
  for (size_t i = 0; i < line.size(); ++i) {
    const int escaped = line[i] == '=' ? escape_at(line, i) : -1;
    if (escaped < 0) {
      out += line[i];
    } else {
      out += static_cast<char>(escaped);
      i += 2;
    }
  }
}

}  // namespace

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

std::string qp_decode(std::string_view text, size_t max) {
  std::string out;
  while (!text.empty() && out.size() < max) {
    const size_t newline = text.find('\n');
    std::string_view line = text.substr(0, newline);
    std::string_view end = newline == std::string_view::npos ? std::string_view() : text.substr(newline, 1);
    text.remove_prefix(line.size() + end.size());
    if (!end.empty() && !line.empty() && line.back() == '\r') {
      line.remove_suffix(1);
      end = "\r\n";
    }
    while (!line.empty() && (line.back() == ' ' || line.back() == '\t')) line.remove_suffix(1);
    const bool soft = !line.empty() && line.back() == '=';
    if (soft) line.remove_suffix(1);
    decode_line(line, out);
    if (!soft) out += end;
  }
  if (out.size() > max) out.resize(max);
  return out;
}

std::string q_decode(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    const int escaped = text[i] == '=' ? escape_at(text, i) : -1;
    if (escaped >= 0) {
      out += static_cast<char>(escaped);
      i += 2;
    } else {
      out += text[i] == '_' ? ' ' : text[i];
    }
  }
  return out;
}

}  // namespace mailkeep::text
