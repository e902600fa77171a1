// Builds a Ruleset from messages.
// SPDX-License-Identifier: ISC
#include "smtpd/lookup/build.h"

#include <set>

#include "lib/base/text.h"
#include "lib/conf/accounts.h"
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

template <class To>
To criterion(const Criterion& c) {
  To out;
  out.negated = c.negated;
  out.value = c.value;
  out.table = c.table;
  return out;
}

Result<conf::Match> to_match(const Match& m, const Ruleset& rules) {
  conf::Match out;
  out.from = criterion<conf::Source>(m.from);
  out.target = criterion<conf::Target>(m.target);
  bool good = set_kind(out.from.kind, m.from.kind, conf::SourceKind::mail_from) &&
              set_kind(out.target.kind, m.target.kind, conf::TargetKind::rcpt_to);
  for (const Criterion& test : m.tests) {
    out.tests.push_back(criterion<conf::Test>(test));
    good = good && set_kind(out.tests.back().kind, test.kind, conf::TestKind::helo);
  }
  out.reject = m.reject;
  out.action = m.action;
  out.reject_text = m.reject_text;
  if (!good) return Error("a rule of an unknown kind");
  if (!out.reject && rules.actions.count(out.action) == 0) return Error("a rule of an unknown action: " + out.action);
  return out;
}

// The names of tables that rules ask for what they hold, and those that actions take aliases from.
struct Uses {
  std::set<std::string> lists, aliases, accounts;
};

Uses uses_of(const Draft& draft) {
  Uses out;
  for (const Action& action : draft.actions) {
    if (!action.alias_table.empty()) out.aliases.insert(action.alias_table);
  }
  for (const Match& match : draft.matches) {
    const bool is_auth = match.from.kind == static_cast<uint16_t>(conf::SourceKind::auth);
    if (!match.from.table.empty()) (is_auth ? out.accounts : out.lists).insert(match.from.table);
    if (!match.target.table.empty()) out.lists.insert(match.target.table);
    for (const Criterion& test : match.tests) {
      if (!test.table.empty()) out.lists.insert(test.table);
    }
  }
  out.lists.insert(out.accounts.begin(), out.accounts.end());
  return out;
}

Status add_table(Ruleset& out, const Table& table, const Uses& uses) {
  const bool is_list = uses.lists.count(table.name) != 0, is_aliases = uses.aliases.count(table.name) != 0;
  if (!is_list && !is_aliases) return {};
  const auto text = read_content(table.content, table.name, kMaxTableFile);
  if (!text) return text.error();
  conf::Table entries;
  entries.name = table.name;
  entries.position = {"table " + table.name, 1, 1};
  if (table.inline_entries || is_list) {
    auto list = table.inline_entries ? parse_inline(*text) : parse_list(*text, table.path);
    if (!list) return list.error();
    entries.entries = std::move(*list);
  }
  if (is_list) out.tables.emplace(table.name, TableIndex(entries.entries));
  if (is_aliases) {
    const conf::ReadFile read = [](const std::string& path) { return conf::read_file(path, conf::kMaxAliasesFile); };
    auto aliases = table.inline_entries ? conf::parse_aliases(entries, read) : conf::parse_aliases(*text, table.path, read);
    if (!aliases) return aliases.error();
    out.aliases.emplace(table.name, std::move(*aliases));
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

}  // namespace

Result<Ruleset> build_rules(const Draft& draft, const AccountSet::Find& system_account) {
  Ruleset out;
  out.hostname = lower(draft.config.hostname);
  for (const auto& domain : draft.config.domains) out.domains.push_back(lower(domain));
  out.postmaster = draft.config.postmaster;
  out.subaddress_separator = draft.config.subaddress_separator.empty() ? '\0' : draft.config.subaddress_separator[0];
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
  // The accounts table itself never comes here; a rule that asks it who has logged in means the accounts.
  for (const auto& name : uses.accounts) {
    if (out.tables.count(name) != 0) continue;
    std::vector<conf::TableEntry> entries;
    for (const auto& account : names) entries.push_back({account, ""});
    out.tables.emplace(name, TableIndex(entries));
  }
  for (const auto& name : uses.lists) {
    if (out.tables.count(name) == 0) return Error("table <" + name + "> cannot be used here");
  }
  for (const auto& name : uses.aliases) {
    if (out.aliases.count(name) == 0) return Error("table <" + name + "> cannot be used as aliases");
  }
  for (const Action& action : draft.actions) {
    conf::Action a;
    a.name = action.name;
    a.alias_table = action.alias_table;
    if (!set_kind(a.kind, action.kind, conf::ActionKind::relay)) return Error("an action of an unknown kind");
    out.actions.emplace(a.name, a);
  }
  for (const Match& m : draft.matches) {
    auto match = to_match(m, out);
    if (!match) return match.error();
    out.matches.push_back(std::move(*match));
  }
  return out;
}

Facts to_facts(const SessionFacts& facts) {
  Facts out;
  if (facts.source != "local") {
    const auto address = conf::parse_address(facts.source.substr(0, facts.source.find('%')));
    out.source = address.value_or(conf::Network{});
  }
  out.helo = facts.helo;
  out.tag = facts.tag;
  out.tls = facts.tls;
  out.account = facts.account;
  if (auto sender = smtp::parse_mailbox(facts.sender)) out.sender = std::move(*sender);
  return out;
}

}  // namespace mailkeep::lookup
