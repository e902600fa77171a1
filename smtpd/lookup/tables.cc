// Tables as the rules ask them.
// SPDX-License-Identifier: ISC
#include "smtpd/lookup/tables.h"

#include <algorithm>

#include "lib/base/text.h"
#include "lib/conf/lines.h"
#include "lib/log/log.h"

namespace mailkeep::lookup {
namespace {

std::vector<conf::TableEntry> first_of(const db::ConstantTable& table, size_t most) {
  std::vector<conf::TableEntry> out;
  const auto entries = table.first(most);
  if (!entries) return out;
  for (const auto& [key, value] : *entries) out.push_back({key, value});
  return out;
}

}  // namespace

TableIndex::TableIndex(const std::vector<conf::TableEntry>& entries) {
  for (const auto& entry : entries) {
    keys_.emplace(lower(entry.key), entry.value);
    if (const auto network = conf::parse_network(entry.key)) networks_[network->prefix].insert(network->address);
  }
}

std::optional<std::string> TableIndex::value(std::string_view key) const {
  if (!compiled_) {
    const auto it = keys_.find(lower(key));
    return it == keys_.end() ? std::nullopt : std::optional(it->second);
  }
  auto found = compiled_->get(lower(key));
  if (found) return std::move(*found);
  log::error("table-unreadable").kv("text", found.error().text);
  has_failed_ = true;
  return {};
}

// A compiled one is asked for each network that could hold the address.
bool TableIndex::has_address(const conf::Network& address) const {
  if (!compiled_) {
    return std::any_of(networks_.begin(), networks_.end(), [&](const auto& of_length) {
      return of_length.second.count(conf::masked(address, of_length.first).address) != 0;
    });
  }
  static const auto kMapped = conf::parse_network("::ffff:0:0/96");
  const unsigned shortest = kMapped->contains(address) ? 96 : 0;
  for (unsigned bits = 128; bits + 1 > shortest; bits--) {
    if (has(conf::network_key(conf::masked(address, static_cast<uint8_t>(bits))))) return true;
    if (bits == 0) break;
  }
  return false;
}

std::vector<conf::TableEntry> TableIndex::first(size_t most) const {
  if (compiled_) return first_of(*compiled_, most);
  std::vector<conf::TableEntry> out;
  for (const auto& [key, value] : keys_) {
    if (out.size() == most) break;
    out.push_back({key, value});
  }
  return out;
}

AliasTable::Entry AliasTable::find(const std::string& key) const {
  if (!compiled_) {
    const auto it = aliases_.find(key);
    return it == aliases_.end() ? Entry() : Entry(&it->second);
  }
  const auto text = compiled_->get(key);
  if (text && !*text) return {};
  auto members = text ? conf::parse_members(**text) : Result<std::vector<conf::AliasMember>>(text.error());
  if (members) return Entry(std::move(*members));
  log::error("table-unreadable").kv("text", members.error().text);
  has_failed_ = true;
  return {};
}

std::vector<conf::TableEntry> AliasTable::first(size_t most) const {
  if (compiled_) return first_of(*compiled_, most);
  std::vector<conf::TableEntry> out;
  for (const auto& [key, members] : aliases_) {
    if (out.size() == most) break;
    out.push_back({key, conf::members_text(members)});
  }
  return out;
}

bool TableIndex::has_domain(std::string_view domain) const {
  if (has(domain)) return true;
  for (size_t dot = domain.find('.'); dot != domain.npos; dot = domain.find('.', dot + 1)) {
    const std::string parent(domain.substr(dot));
    if (has("*" + parent) || has(parent)) return true;
  }
  return false;
}

bool TableIndex::has_mailbox(std::string_view local, std::string_view domain) const {
  const std::string at_domain = "@" + std::string(domain);
  if (has(std::string(local) + at_domain) || has(at_domain)) return true;
  for (size_t dot = domain.find('.'); dot != domain.npos; dot = domain.find('.', dot + 1)) {
    const std::string parent(domain.substr(dot));
    if (has("@*" + parent) || has("@" + parent)) return true;
  }
  return false;
}

bool domain_matches(std::string_view pattern, std::string_view domain) {
  const bool is_parent = pattern.rfind("*.", 0) == 0 || pattern.rfind('.', 0) == 0;
  if (!is_parent) return equals_nocase(pattern, domain);
  const std::string_view tail = pattern.substr(pattern.find('.'));
  return domain.size() > tail.size() && equals_nocase(domain.substr(domain.size() - tail.size()), tail);
}

bool mailbox_matches(std::string_view pattern, std::string_view local, std::string_view domain) {
  const size_t at = pattern.rfind('@');
  if (at == pattern.npos) return false;
  return (at == 0 || equals_nocase(pattern.substr(0, at), local)) && domain_matches(pattern.substr(at + 1), domain);
}

Result<PatternList> PatternList::parse(std::string_view text, const std::string& file) {
  PatternList out;
  const auto status = conf::each_line(text, file, [&](const conf::Line& line) -> Status {
    if (out.patterns_.size() >= kMaxPatterns)
      return line.error(line.text, "one pattern more", "at most " + std::to_string(kMaxPatterns));
    auto compiled = pattern::Pattern::compile(line.text);
    if (!compiled) return line.error(line.text, "a regular expression (" + compiled.error().text + ")");
    out.patterns_.push_back(std::move(*compiled));
    out.texts_.emplace_back(line.text);
    return {};
  });
  if (!status) return status.error();
  return out;
}

Result<PatternList> PatternList::make(const std::vector<conf::TableEntry>& entries, const std::string& name) {
  PatternList out;
  if (entries.size() > kMaxPatterns)
    return Error("table <" + name + ">: more than " + std::to_string(kMaxPatterns) + " patterns");
  for (const auto& entry : entries) {
    auto compiled = pattern::Pattern::compile(entry.key);
    if (!compiled) return Error("table <" + name + ">: '" + printable(entry.key, 60) + "': " + compiled.error().text);
    out.patterns_.push_back(std::move(*compiled));
    out.texts_.push_back(entry.key);
  }
  return out;
}

std::vector<conf::TableEntry> PatternList::first(size_t most) const {
  std::vector<conf::TableEntry> out;
  for (const auto& text : texts_) {
    if (out.size() == most) break;
    out.push_back({text, ""});
  }
  return out;
}

pattern::Outcome PatternList::match(std::string_view subject, const pattern::Budget& budget) const {
  constexpr size_t kBetweenLooks = 8;  // at the clock; none takes more than about a millisecond
  for (size_t i = 0; i < patterns_.size(); i++) {
    if (i % kBetweenLooks == 0 && budget.is_spent()) return pattern::Outcome::kTooMuch;
    const auto outcome = patterns_[i].match(subject);
    if (outcome != pattern::Outcome::kNo) return outcome;
  }
  return pattern::Outcome::kNo;
}

Result<std::vector<conf::TableEntry>> parse_inline(std::string_view text) {
  std::vector<conf::TableEntry> out;
  uint32_t number = 0;
  for (const std::string_view line : split(text, '\n')) {
    ++number;
    if (line.empty()) continue;
    const size_t tab = line.find('\t');
    if (tab == line.npos || tab == 0)
      return Error("line " + std::to_string(number) + " of an inline table: no key and tab");
    if (out.size() >= kMaxTableKeys) return Error("an inline table of too many keys");
    out.push_back({std::string(line.substr(0, tab)), std::string(line.substr(tab + 1))});
  }
  return out;
}

}  // namespace mailkeep::lookup
