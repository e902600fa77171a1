// Builds a Ruleset from messages.
// SPDX-License-Identifier: ISC
#include "smtpd/lookup/build.h"

#include <set>

#include "lib/base/text.h"
#include "lib/conf/accounts.h"
#include "lib/conf/names.h"
#include "lib/conf/read.h"

namespace mailkeep::lookup {
namespace {

// All of a descriptor's file, wherever its offset stands.
Result<std::string> read_content(const Fd& fd, const std::string& name, size_t max) {
  std::string out;
  char buffer[65536];
  for (;;) {
    const ssize_t n = ::pread(fd.get(), buffer, sizeof buffer, static_cast<off_t>(out.size()));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno_error("read table " + name);
    if (n == 0) return out;
    out.append(buffer, static_cast<size_t>(n));
    if (out.size() > max) return Error("table " + name + ": larger than " + std::to_string(max) + " bytes", EFBIG);
  }
}

template <class Kind>
bool set_kind(Kind& out, uint16_t kind, Kind last) {
  out = static_cast<Kind>(kind);
  return kind <= static_cast<uint16_t>(last);
}

bool to_condition(const Criterion& c, conf::Condition& out) {
  out.negated = c.negated;
  out.regex = c.regex;
  out.value = c.value;
  out.table = c.table;
  return set_kind(out.subject, c.subject, conf::Subject::rcpt_to);
}

Result<conf::Match> to_match(const Match& m, const Ruleset& rules) {
  conf::Match out;
  bool good = to_condition(m.from, out.from) && to_condition(m.target, out.target);
  for (const Criterion& test : m.tests) good = to_condition(test, out.tests.emplace_back()) && good;
  out.reject = m.reject;
  out.action = m.action;
  out.reject_code = m.reject_code;
  out.reject_status = m.reject_status;
  out.reject_text = m.reject_text;
  out.position.file = m.where;
  if (!good) return Error("a rule of an unknown kind");
  if (out.reject && (out.reject_code < 400 || out.reject_code > 599))
    return Error("a rule with a code that refuses nothing");
  if (!out.reject && rules.actions.count(out.action) == 0) return Error("a rule of an unknown action: " + out.action);
  return out;
}

Result<conf::Filter> to_filter(const Filter& m) {
  conf::Filter out;
  out.name = m.name;
  bool good =
      set_kind(out.phase, m.phase, conf::Phase::commit) && set_kind(out.decision, m.decision, conf::Decision::bypass);
  for (const Criterion& test : m.tests) good = to_condition(test, out.tests.emplace_back()) && good;
  out.code = m.code;
  out.status = m.status;
  out.text = m.text;
  if (!good) return Error("a filter of an unknown kind");
  const bool refuses = out.decision == conf::Decision::reject || out.decision == conf::Decision::disconnect;
  if (refuses && (out.code < 400 || out.code > 599)) return Error("a filter with a code that refuses nothing");
  return out;
}

Status add_filters(Ruleset& out, const Draft& draft) {
  std::map<std::string, std::shared_ptr<const conf::Filter>> filters;
  for (const Filter& m : draft.filters) {
    auto filter = to_filter(m);
    if (!filter) return filter.error();
    filters[m.name] = std::make_shared<const conf::Filter>(std::move(*filter));
  }
  for (const Chain& m : draft.chains) {
    auto& chain = out.chains[m.listener];
    for (const auto& name : m.filters) {
      const auto it = filters.find(name);
      if (it == filters.end()) return Error("a listener with an unknown filter: " + name);
      chain.push_back(it->second);
    }
  }
  return {};
}

// The names of tables that rules ask for what they hold, and those that actions take aliases from.
struct Uses {
  std::set<std::string> lists, patterns, aliases, virtuals, accounts;
  void add(const Criterion& c) {
    if (c.table.empty()) return;
    const bool is_auth = c.subject == static_cast<uint16_t>(conf::Subject::auth);
    (c.regex ? patterns : is_auth ? accounts : lists).insert(c.table);
  }
};

Uses uses_of(const Draft& draft) {
  Uses out;
  if (!draft.config.canonical.empty()) out.lists.insert(draft.config.canonical);
  for (const Action& action : draft.actions) {
    if (!action.alias_table.empty()) out.aliases.insert(action.alias_table);
    if (!action.virtual_table.empty()) out.virtuals.insert(action.virtual_table);
    if (!action.userbase.empty()) out.accounts.insert(action.userbase);
  }
  for (const Match& match : draft.matches) {
    out.add(match.from);
    out.add(match.target);
    for (const Criterion& test : match.tests) out.add(test);
  }
  for (const Filter& filter : draft.filters) {
    for (const Criterion& test : filter.tests) out.add(test);
  }
  out.lists.insert(out.accounts.begin(), out.accounts.end());
  out.aliases.insert(out.virtuals.begin(), out.virtuals.end());
  return out;
}

struct Use {
  bool list = false, aliases = false, patterns = false;
};

Status add_compiled(Ruleset& out, const Table& table, const Use& use) {
  if (use.patterns) return Error("table <" + table.name + "> is compiled: regular expressions cannot be looked up");
  if (use.list) {
    auto opened = db::ConstantTable::open(table.path, conf::kListForm);
    if (!opened) return opened.error();
    out.tables.insert_or_assign(table.name, TableIndex(std::move(*opened)));
  }
  if (use.aliases) {
    auto opened = db::ConstantTable::open(table.path, conf::kAliasForm);
    if (!opened) return opened.error();
    out.aliases.insert_or_assign(table.name, AliasTable(std::move(*opened)));
  }
  return {};
}

// A compiled one is looked at entry by entry, when it is asked.
Status check_rewritings(const Table& table, const std::vector<conf::TableEntry>& entries) {
  for (const auto& e : entries) {
    if (conf::is_rewriting(e.key) && conf::is_rewriting(e.value)) continue;
    return Error((table.path.empty() ? "table " + table.name : table.path) + ": found '" + printable(e.key, 60) + " " +
                 printable(e.value, 60) +
                 "', expected an address and what it becomes, where either may be @ and a domain");
  }
  return {};
}

Status add_table(Ruleset& out, const Table& table, const Uses& uses) {
  const Use use = {uses.lists.contains(table.name), uses.aliases.contains(table.name),
                   uses.patterns.contains(table.name)};
  if (!use.list && !use.aliases && !use.patterns) return {};
  if (table.compiled) return add_compiled(out, table, use);
  const auto text = read_content(table.content, table.name, kMaxTableFile);
  if (!text) return text.error();
  conf::Table entries;
  entries.name = table.name;
  entries.position = {"table " + table.name, 1, 1};
  if (table.inline_entries || use.list) {
    auto list = table.inline_entries ? parse_inline(*text) : conf::parse_list(*text, table.path);
    if (!list) return list.error();
    entries.entries = std::move(*list);
  }
  if (use.list && table.name == out.canonical.table) {
    if (auto good = check_rewritings(table, entries.entries); !good) return good;
  }
  if (use.list) out.tables.insert_or_assign(table.name, TableIndex(entries.entries));
  if (use.patterns) {
    auto patterns =
        table.inline_entries ? PatternList::make(entries.entries, table.name) : PatternList::parse(*text, table.path);
    if (!patterns) return patterns.error();
    out.patterns.insert_or_assign(table.name, std::move(*patterns));
  }
  if (use.aliases) {
    const conf::ReadFile read = [](const std::string& path) { return conf::read_file(path, conf::kMaxAliasesFile); };
    const auto form = uses.virtuals.contains(table.name) ? conf::AliasForm::virtual_users : conf::AliasForm::aliases;
    auto aliases =
        table.inline_entries ? conf::parse_aliases(entries, read) : conf::parse_aliases(*text, table.path, read, form);
    if (!aliases) return aliases.error();
    out.aliases.insert_or_assign(table.name, AliasTable(std::move(*aliases)));
  }
  return {};
}

// Lines "name\tuid\tgid", of which only the name matters here.
Result<std::vector<std::string>> parse_names(const Accounts& accounts) {
  const auto text = read_content(accounts.content, "accounts", conf::kMaxAccountsFile);
  if (!text) return text.error();
  std::vector<std::string> out;
  for (const auto line : split(*text, '\n')) {
    if (line.empty()) continue;
    const auto name = line.substr(0, line.find('\t'));
    if (!conf::is_account_name(name)) return Error("accounts: '" + printable(name, 60) + "' is no account's name");
    out.push_back(lower(name));
  }
  return out;
}

// The accounts table itself never comes here; a rule or an action that asks it means the accounts.
void add_accounts(Ruleset& out, const Uses& uses, const std::vector<std::string>& names) {
  for (const auto& name : uses.accounts) {
    if (out.tables.count(name) != 0) continue;
    std::vector<conf::TableEntry> entries;
    entries.reserve(names.size());
    for (const auto& account : names) entries.push_back({account, ""});
    out.tables.emplace(name, TableIndex(entries));
  }
}

template <class Map>
Status all_there(const std::set<std::string>& names, const Map& tables, const std::string& use) {
  for (const auto& name : names) {
    if (tables.count(name) == 0) return Error("table <" + name + "> cannot be used " + use);
  }
  return {};
}

Result<conf::Action> to_action(const Action& action) {
  conf::Action out;
  out.name = action.name;
  out.alias_table = action.alias_table;
  out.virtual_table = action.virtual_table;
  out.userbase = action.userbase;
  out.user = lower(action.user);
  out.ttl = Seconds(action.ttl);
  out.srs = action.srs;
  out.rcpt_to = action.rcpt_to;
  out.forward_file = action.forward_file;
  if (!set_kind(out.kind, action.kind, conf::ActionKind::mbox)) return Error("an action of an unknown kind");
  if (!set_kind(out.only, action.only, conf::Only::forwarded)) return Error("an action of an unknown kind");
  return out;
}

void set_names(Ruleset& out, const Config& config) {
  out.hostname = lower(config.hostname);
  for (const auto& domain : config.domains) out.domains.push_back(lower(domain));
  for (const auto& alias : config.domain_aliases) out.domain_aliases.emplace(lower(alias.name), lower(alias.of));
  out.postmaster = config.postmaster;
  out.subaddress_separators = config.subaddress_separator;
  out.canonical = {config.canonical, config.masquerade, config.masquerade_except};
  out.srs = {config.srs_keys, out.domains.empty() ? out.hostname : out.domains.front(), config.srs_days};
}

}  // namespace

Result<Ruleset> build_rules(const Draft& draft, const AccountSet::Find& system_account) {
  Ruleset out;
  set_names(out, draft.config);
  const Uses uses = uses_of(draft);
  for (const Table& table : draft.tables) {
    if (auto status = add_table(out, table, uses); !status) return status.error();
  }
  std::vector<std::string> names;
  if (draft.config.system_accounts) {
    out.accounts = AccountSet(system_account);
  } else if (draft.accounts) {
    auto parsed = parse_names(*draft.accounts);
    if (!parsed) return parsed.error();
    names = std::move(*parsed);
    out.accounts = AccountSet(names);
  }
  add_accounts(out, uses, names);
  if (auto there = all_there(uses.lists, out.tables, "here"); !there) return there.error();
  if (auto there = all_there(uses.patterns, out.patterns, "as regular expressions"); !there) return there.error();
  if (auto there = all_there(uses.aliases, out.aliases, "as aliases"); !there) return there.error();
  for (const Action& action : draft.actions) {
    auto made = to_action(action);
    if (!made) return made.error();
    out.actions.emplace(made->name, std::move(*made));
  }
  for (const Match& m : draft.matches) {
    auto match = to_match(m, out);
    if (!match) return match.error();
    out.matches.push_back(std::move(*match));
  }
  if (auto added = add_filters(out, draft); !added) return added.error();
  return out;
}

Facts to_facts(const SessionFacts& facts) {
  Facts out;
  if (facts.source != "local") {
    const auto address = conf::parse_address(facts.source.substr(0, facts.source.find('%')));
    out.source = address.value_or(conf::Network{});
  }
  if (out.source) out.source_text = facts.source;
  if (facts.name_state == NameState::kConfirmed) out.name = lower(facts.name);
  out.helo = facts.helo;
  out.tag = facts.tag;
  out.tls = !facts.tls.empty();
  out.account = facts.account;
  if (auto sender = smtp::parse_mailbox(facts.sender)) out.sender = std::move(*sender);
  return out;
}

}  // namespace mailkeep::lookup
