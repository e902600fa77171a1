// Credentials for smart hosts: see credentials.h.
// SPDX-License-Identifier: ISC
#include "lib/conf/credentials.h"

#include <algorithm>

#include "lib/base/limits.h"
#include "lib/base/text.h"
#include "lib/conf/lex.h"

namespace mailkeep::conf {

bool is_credential(std::string_view text) {
  const size_t colon = text.find(':');
  if (colon == text.npos || colon == 0 || colon > kMaxAddress) return false;
  const size_t password = text.size() - colon - 1;
  if (password == 0 || password > kMaxPassword) return false;
  return std::none_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < ' ' || c == 127; });
}

Credential split_credential(std::string_view text) {
  const size_t colon = text.find(':');
  return {std::string(text.substr(0, colon)), std::string(text.substr(colon + 1))};
}

// What an error says it found never holds the line: there may be a password in it.
Result<std::map<std::string, Credential>> parse_credentials(std::string_view text, const std::string& path) {
  std::map<std::string, Credential> out;
  uint32_t number = 0;
  for (const std::string_view whole : split(text, '\n')) {
    ++number;
    const std::string_view line = trim(whole);
    if (line.empty() || line[0] == '#') continue;
    const auto column = static_cast<uint32_t>(line.data() - whole.data() + 1);
    const size_t blank = line.find_first_of(" \t");
    const std::string_view label = line.substr(0, blank);
    const std::string_view rest = blank == line.npos ? std::string_view() : trim(line.substr(blank));
    const auto error = [&](size_t at, const std::string& found, const std::string& expected) {
      return Error(to_string({path, number, column + static_cast<uint32_t>(at)}) + ": found " + found + ", expected " + expected);
    };
    if (!is_name(label)) return error(0, "a label of other characters", "a label of letters, digits, '-', '_' and '.'");
    if (!is_credential(rest)) {
      const size_t at = rest.empty() ? line.size() : static_cast<size_t>(rest.data() - line.data());
      return error(at, rest.empty() ? "end of line" : "something else", "user:password");
    }
    if (!out.emplace(label, split_credential(rest)).second) return error(0, "the label '" + std::string(label) + "' again", "each label once");
  }
  return out;
}

std::map<std::string, Credential> credentials_of(const Table& table) {
  std::map<std::string, Credential> out;
  for (const TableEntry& e : table.entries) out.emplace(e.key, split_credential(e.value));
  return out;
}

}  // namespace mailkeep::conf
