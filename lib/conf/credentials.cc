// Credentials for smart hosts: see credentials.h.
// SPDX-License-Identifier: ISC
#include "lib/conf/credentials.h"

#include <algorithm>

#include "lib/base/limits.h"
#include "lib/conf/lex.h"
#include "lib/conf/lines.h"

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
  const auto status = each_line(text, path, [&](const Line& line) -> Status {
    const size_t end = std::min(line.text.find_first_of(" \t"), line.text.size());
    const std::string_view label = line.text.substr(0, end);
    const std::string_view rest = trim(line.text.substr(end));
    if (!is_name(label))
      return line.error(label, "a label of other characters", "a label of letters, digits, '-', '_' and '.'");
    if (!is_credential(rest)) return line.error(rest, rest.empty() ? "end of line" : "something else", "user:password");
    if (out.emplace(label, split_credential(rest)).second) return {};
    return line.error(label, "the label '" + std::string(label) + "' again", "each label once");
  });
  if (!status) return status.error();
  return out;
}

std::map<std::string, Credential> credentials_of(const Table& table) {
  std::map<std::string, Credential> out;
  for (const TableEntry& e : table.entries) out.emplace(e.key, split_credential(e.value));
  return out;
}

}  // namespace mailkeep::conf
