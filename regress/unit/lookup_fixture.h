// A Ruleset from a configuration's text, for the tests of smtpd/lookup.
// SPDX-License-Identifier: ISC
#pragma once

#include "lib/conf/parse.h"
#include "smtpd/lookup/build.h"
#include "smtpd/lookup/expand.h"

#include "regress/unit/unit.h"

using namespace mailkeep;
using namespace mailkeep::lookup;

inline Result<std::string> no_file(const std::string&) { return Error("no such file"); }

// The rules of a configuration's text, with these accounts and the aliases of "aliases".
inline Ruleset make_rules(const std::string& text, const std::string& aliases,
                          const std::vector<std::string>& accounts) {
  const auto config = conf::parse_text("auth system\ntable aliases file:/a\n" + text, "c", no_file);
  if (!config) fail_msg("%s", config.error().text.c_str());
  const auto parsed = conf::parse_aliases(aliases, "a", no_file);
  if (!parsed) fail_msg("%s", parsed.error().text.c_str());
  Ruleset out;
  out.hostname = "mx.mk.test";
  out.domains = config->domains;
  out.postmaster = config->options.postmaster;
  for (const auto& action : config->actions) out.actions.emplace(action.name, action);
  out.matches = config->matches;
  for (const auto& alias : config->domain_aliases) out.domain_aliases.emplace(alias.name, alias.of);
  out.subaddress_separators = config->options.subaddress_separator;
  for (const auto& table : config->tables) {
    out.tables.emplace(table.name, TableIndex(table.entries));
    if (auto patterns = PatternList::make(table.entries, table.name))
      out.patterns.emplace(table.name, std::move(*patterns));
    const auto members = conf::parse_aliases(table, no_file);
    if (table.kind == conf::TableKind::inline_entries && members) out.aliases.emplace(table.name, AliasTable(*members));
  }
  out.aliases.insert_or_assign("aliases", AliasTable(*parsed));
  out.srs = {config->srs.keys, out.domains.empty() ? out.hostname : out.domains.front(),
             config->srs.ttl.count() / 86400};
  out.canonical = config->canonical;
  out.accounts = AccountSet(accounts);
  for (size_t i = 0; i < config->listeners.size(); i++) {
    auto& chain = out.chains[static_cast<uint32_t>(i + 1)];
    for (const auto& name : config->listeners[i].filters)
      chain.push_back(std::make_shared<const conf::Filter>(*config->filter(name)));
  }
  return out;
}

inline const std::string kRules =
    "domain mk.test\ndomain other.test\naction in deliver alias <aliases>\naction out relay\n"
    "match from any for domain mk.test action in\nmatch from any for domain other.test action in\n"
    "match from auth for any action out\n";

inline Facts from_world() {
  Facts f;
  f.source = conf::parse_address("192.0.2.1");
  f.sender = smtp::Mailbox{"joe", "far.test"};
  return f;
}

inline smtp::Mailbox mailbox(const std::string& text) {
  const size_t at = text.rfind('@');
  if (at == text.npos) return {text, ""};
  return {text.substr(0, at), text.substr(at + 1)};
}

// "250 ann+detail<address> >relay@x" or "550 5.1.1"
inline std::string show(const Verdict& v) {
  std::string out = std::to_string(v.code);
  if (!v.accepted()) return out + " " + v.enhanced;
  for (const auto& d : v.destinations) {
    out +=
        " " + (d.by_lmtp ? d.action + ":" + d.account + (d.detail.empty() ? "" : "+" + d.detail) + "<" + d.address + ">"
               : d.is_relay() ? ">" + d.address
                              : d.account + (d.detail.empty() ? "" : "+" + d.detail) + "<" + d.address + ">");
  }
  return out;
}

inline std::string route(const Ruleset& rules, const std::string& to, const Facts& facts = from_world()) {
  return show(decide(rules, facts, mailbox(to)));
}
