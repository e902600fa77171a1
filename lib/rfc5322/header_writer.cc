// Folding: see the header.
// SPDX-License-Identifier: ISC
#include "lib/rfc5322/header_writer.h"

#include "lib/base/result.h"
#include "lib/base/text.h"
#include "lib/rfc5322/header.h"

namespace mailkeep::rfc5322 {

std::string format_field(std::string_view name, std::string_view value) {
  constexpr size_t kLine = 78;
  if (!is_field_name(name)) fatal("format_field: bad field name");
  std::string clean(value);
  for (char& c : clean) {
    if (c == '\r' || c == '\n' || c == '\0') c = ' ';
  }
  std::string_view rest = trim(clean);
  std::string out = std::string(name) + ":";
  size_t column = out.size();
  while (!rest.empty()) {
    // A word is its leading white space and what follows up to the next white space.
    const size_t start = rest.find_first_not_of(" \t");
    const size_t end = rest.find_first_of(" \t", start);
    std::string_view word = rest.substr(0, end);
    rest.remove_prefix(word.size());
    const bool is_first = column == name.size() + 1;
    const size_t length = word.size() + (is_first ? 1 : 0);
    if (!is_first && column + length > kLine) {
      out += "\r\n";
      column = 0;
    } else if (is_first) {
      out += ' ';
    }
    out += word;
    column += length;
  }
  return out + "\r\n";
}

}  // namespace mailkeep::rfc5322
