// What mailkeepctl table shows: names and content of the tables as they are asked now.
// SPDX-License-Identifier: ISC
#include <algorithm>

#include "lib/base/text.h"
#include "smtpd/lookup/lookup.h"

namespace mailkeep::lookup {
namespace {

std::string cut(const std::string& text) { return text.substr(0, kMaxShownText); }

void add(TableShown& out, const std::vector<conf::TableEntry>& entries, uint64_t total) {
  out.found = true;
  out.total = std::max(out.total, total);
  for (const auto& e : entries) {
    if (out.entries.size() < kMaxShown) out.entries.push_back({cut(e.key), cut(e.value)});
  }
}

// Lists that stand in a rule have no name that anybody wrote.
bool is_named(const std::string& name) { return name[0] != '#'; }

TableShown show_names(const Ruleset& rules) {
  TableShown out;
  std::vector<conf::TableEntry> names;
  for (const auto& [name, t] : rules.tables) names.push_back({name, "list, " + std::to_string(t.size()) + " keys"});
  for (const auto& [name, t] : rules.patterns)
    names.push_back({name, "regular expressions, " + std::to_string(t.size())});
  for (const auto& [name, t] : rules.aliases) names.push_back({name, "aliases, " + std::to_string(t.size())});
  std::erase_if(names, [](const auto& e) { return !is_named(e.key); });
  std::sort(names.begin(), names.end(), [](const auto& a, const auto& b) { return a.key < b.key; });
  add(out, names, names.size());
  return out;
}

// As rules ask: an exact key, a network that holds the address, a domain's parent, an address's domain.
void find_in_list(const TableIndex& table, const std::string& key, TableShown& out) {
  if (const auto value = table.value(key)) return add(out, {{key, *value}}, 1);
  const size_t at = key.rfind('@');
  const auto address = conf::parse_address(key);
  if (address && table.has_address(*address)) return add(out, {{key, "in a network of it"}}, 1);
  if (at != key.npos && table.has_mailbox(key.substr(0, at), key.substr(at + 1)))
    return add(out, {{key, "by its domain"}}, 1);
  if (at == key.npos && table.has_domain(key)) add(out, {{key, "below a domain of it"}}, 1);
}

}  // namespace

TableShown show_table(const Ruleset& rules, const ShowTable& m) {
  if (m.name.empty()) return show_names(rules);
  TableShown out;
  const auto list = rules.tables.find(m.name);
  const auto patterns = rules.patterns.find(m.name);
  const auto aliases = rules.aliases.find(m.name);
  const bool is_there =
      list != rules.tables.end() || patterns != rules.patterns.end() || aliases != rules.aliases.end();
  if (!is_there || !is_named(m.name)) {
    out.text = "no rule or action asks a table of that name";
    return out;
  }
  const std::string key = lower(m.key);
  if (list != rules.tables.end()) {
    if (m.with_key) find_in_list(list->second, key, out);
    if (!m.with_key) add(out, list->second.first(kMaxShown), list->second.size());
  }
  if (aliases != rules.aliases.end()) {
    const auto entry = m.with_key ? aliases->second.find(key) : AliasTable::Entry();
    if (entry) add(out, {{key, conf::members_text(entry.members())}}, 1);
    if (!m.with_key) add(out, aliases->second.first(kMaxShown), aliases->second.size());
  }
  if (patterns != rules.patterns.end()) {
    if (m.with_key && patterns->second.match(m.key) == pattern::Outcome::kYes)
      add(out, {{m.key, "by a regular expression"}}, 1);
    if (!m.with_key) add(out, patterns->second.first(kMaxShown), patterns->second.size());
  }
  if (rules.take_failure()) {
    out = {};
    out.text = "the table cannot be read";
  } else if (!out.found) {
    out.text = "not found";
  }
  return out;
}

}  // namespace mailkeep::lookup
