// Tables of the configuration as the rules ask them: each question is a few hash look-ups, however large the table.
//
// File of a list: one key a line, then, after blanks, perhaps a value; '#' starts a comment line. Keys are matched
// without regard to case. Process: lookup. Trust: the administrator's files, parsed as if from outside.
// SPDX-License-Identifier: ISC
#pragma once

#include <array>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "lib/base/result.h"
#include "lib/conf/config.h"
#include "lib/conf/network.h"
#include "lib/pattern/pattern.h"

namespace mailkeep::lookup {

constexpr size_t kMaxTableFile = 64 * 1024 * 1024;
constexpr size_t kMaxTableKeys = 1'000'000;
constexpr size_t kMaxKey = 512;

class TableIndex {
 public:
  TableIndex() = default;
  explicit TableIndex(const std::vector<conf::TableEntry>& entries);

  size_t size() const { return keys_.size(); }
  bool has(std::string_view key) const;
  // The value of `key`; null if there is no such key.
  const std::string* value(std::string_view key) const;
  // A network of the table holds `address`.
  bool has_address(const conf::Network& address) const;
  // "name", or "*.parent" or ".parent" for a name below parent.
  bool has_domain(std::string_view domain) const;
  // "local@domain", "@domain", "@*.parent" or "@.parent".
  bool has_mailbox(std::string_view local, std::string_view domain) const;

 private:
  struct NetworkHash {
    size_t operator()(const std::array<uint8_t, 16>& a) const {
      return std::hash<std::string_view>()({reinterpret_cast<const char*>(a.data()), a.size()});
    }
  };
  std::unordered_map<std::string, std::string> keys_;
  std::map<uint8_t, std::unordered_set<std::array<uint8_t, 16>, NetworkHash>> networks_;  // by prefix length
};

constexpr size_t kMaxPatterns = 1000;  // of one table

// A table of regular expressions: each question tries one after the other, so it is for few.
class PatternList {
 public:
  // A file: one pattern a line, '#' starts a comment line. Error: "file:line:column: found X, expected Y".
  static Result<PatternList> parse(std::string_view text, const std::string& file);
  static Result<PatternList> make(const std::vector<conf::TableEntry>& entries, const std::string& name);
  size_t size() const { return patterns_.size(); }
  // kTooMuch: one of them costs too much for that subject before any was found in it.
  pattern::Outcome match(std::string_view subject) const;

 private:
  std::vector<pattern::Pattern> patterns_;
};

// One pattern of a rule against a name, as the table's questions above.
bool domain_matches(std::string_view pattern, std::string_view domain);
bool mailbox_matches(std::string_view pattern, std::string_view local, std::string_view domain);

// A list's file. Error: "file:line:column: found X, expected Y".
Result<std::vector<conf::TableEntry>> parse_list(std::string_view text, const std::string& file);
// The lines "key\tvalue" that the parent makes of an inline table.
Result<std::vector<conf::TableEntry>> parse_inline(std::string_view text);

}  // namespace mailkeep::lookup
