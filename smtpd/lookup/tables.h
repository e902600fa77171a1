// Tables of the configuration as the rules ask them: each question is a few hash look-ups, however large the table.
//
// Keys are matched without regard to case. Process: lookup. Trust: the administrator's files, parsed as if from
// outside.
// SPDX-License-Identifier: ISC
#pragma once

#include <array>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "lib/base/result.h"
#include "lib/conf/aliases.h"
#include "lib/conf/config.h"
#include "lib/conf/list.h"
#include "lib/conf/network.h"
#include "lib/db/constant_table.h"
#include "lib/pattern/pattern.h"

namespace mailkeep::lookup {

using conf::kMaxTableFile, conf::kMaxTableKeys, conf::kMaxKey;

// In memory, or a compiled one that is looked up on disk. When that cannot be read there are no answers:
// take_failure().
class TableIndex {
 public:
  TableIndex() = default;
  explicit TableIndex(const std::vector<conf::TableEntry>& entries);
  explicit TableIndex(std::unique_ptr<db::ConstantTable> compiled) : compiled_(std::move(compiled)) {}

  size_t size() const { return compiled_ ? compiled_->size() : keys_.size(); }
  bool has(std::string_view key) const { return value(key).has_value(); }
  // The value of `key`; none if there is no such key.
  std::optional<std::string> value(std::string_view key) const;
  // Some of it, for people.
  std::vector<conf::TableEntry> first(size_t most) const;
  // Whether a question since the last call could not be answered.
  bool take_failure() const { return std::exchange(has_failed_, false); }
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
  std::unique_ptr<db::ConstantTable> compiled_;
  mutable bool has_failed_ = false;
  std::map<uint8_t, std::unordered_set<std::array<uint8_t, 16>, NetworkHash>> networks_;  // by prefix length
};

// Aliases or virtual users, in memory or compiled.
class AliasTable {
 public:
  class Entry {
   public:
    Entry() = default;
    explicit Entry(const std::vector<conf::AliasMember>* members) : members_(members) {}
    explicit Entry(std::vector<conf::AliasMember> own) : own_(std::move(own)) {}
    explicit operator bool() const { return members_ != nullptr || own_.has_value(); }
    const std::vector<conf::AliasMember>& members() const { return own_ ? *own_ : *members_; }

   private:
    const std::vector<conf::AliasMember>* members_ = nullptr;
    std::optional<std::vector<conf::AliasMember>> own_;
  };
  explicit AliasTable(conf::Aliases aliases) : aliases_(std::move(aliases)) {}
  explicit AliasTable(std::unique_ptr<db::ConstantTable> compiled) : compiled_(std::move(compiled)) {}

  // `key` in lower case.
  Entry find(const std::string& key) const;
  bool contains(const std::string& key) const { return static_cast<bool>(find(key)); }
  size_t size() const { return compiled_ ? compiled_->size() : aliases_.size(); }
  std::vector<conf::TableEntry> first(size_t most) const;
  bool take_failure() const { return std::exchange(has_failed_, false); }

 private:
  conf::Aliases aliases_;
  std::unique_ptr<db::ConstantTable> compiled_;
  mutable bool has_failed_ = false;
};

constexpr size_t kMaxPatterns = 1000;  // of one table

// A table of regular expressions: each question tries one after the other, so it is for few.
class PatternList {
 public:
  // A file: one pattern a line, '#' starts a comment line. Error: "file:line:column: found X, expected Y".
  static Result<PatternList> parse(std::string_view text, const std::string& file);
  static Result<PatternList> make(const std::vector<conf::TableEntry>& entries, const std::string& name);
  size_t size() const { return patterns_.size(); }
  std::vector<conf::TableEntry> first(size_t most) const;
  // kTooMuch: one of them costs too much for that subject, or all of them for the budget, before any was found in it.
  pattern::Outcome match(std::string_view subject, const pattern::Budget& budget = pattern::Budget()) const;

 private:
  std::vector<pattern::Pattern> patterns_;
  std::vector<std::string> texts_;  // beside patterns_
};

// One pattern of a rule against a name, as the table's questions above.
bool domain_matches(std::string_view pattern, std::string_view domain);
bool mailbox_matches(std::string_view pattern, std::string_view local, std::string_view domain);

// The lines "key\tvalue" that the parent makes of an inline table.
Result<std::vector<conf::TableEntry>> parse_inline(std::string_view text);

}  // namespace mailkeep::lookup
