// First match wins.
// SPDX-License-Identifier: ISC
#include "smtpd/lookup/rules.h"

#include <algorithm>

#include "lib/base/text.h"
#include "lib/conf/accounts.h"

namespace mailkeep::lookup {
namespace {

const TableIndex* find_table(const Ruleset& rules, const std::string& name) {
  const auto it = rules.tables.find(name);
  return it == rules.tables.end() ? nullptr : &it->second;
}

// A table that is asked but not there says no to everything: the parser has made sure that there is none such.
bool in_list(const Ruleset& rules, const std::string& value, const std::string& table, std::string_view key) {
  if (table.empty()) return equals_nocase(value, key);
  const TableIndex* t = find_table(rules, table);
  return t != nullptr && t->has(key);
}

bool in_networks(const Ruleset& rules, const conf::Source& from, const conf::Network& address) {
  if (from.table.empty()) {
    const auto network = conf::parse_network(from.value);
    return network && network->contains(address);
  }
  const TableIndex* t = find_table(rules, from.table);
  return t != nullptr && t->has_address(address);
}

bool in_mailboxes(const Ruleset& rules, const std::string& value, const std::string& table, const smtp::Mailbox& mailbox) {
  const std::string domain = mailbox.canonical_domain();
  if (table.empty()) return mailbox_matches(value, mailbox.local, domain);
  const TableIndex* t = find_table(rules, table);
  return t != nullptr && t->has_mailbox(mailbox.local, domain);
}

bool in_domains(const Ruleset& rules, const conf::Target& target, const std::string& domain) {
  if (target.table.empty()) return domain_matches(target.value, domain);
  const TableIndex* t = find_table(rules, target.table);
  return t != nullptr && t->has_domain(domain);
}

bool source_fits(const Ruleset& rules, const conf::Source& from, const Facts& facts) {
  switch (from.kind) {
    case conf::SourceKind::any: return true;
    case conf::SourceKind::local: return facts.is_local();
    case conf::SourceKind::socket: return facts.is_socket();
    case conf::SourceKind::src: return facts.source && in_networks(rules, from, *facts.source);
    case conf::SourceKind::mail_from: return facts.sender && in_mailboxes(rules, from.value, from.table, *facts.sender);
    case conf::SourceKind::auth: break;
  }
  if (facts.account.empty()) return false;
  return (from.value.empty() && from.table.empty()) || in_list(rules, from.value, from.table, facts.account);
}

bool target_fits(const Ruleset& rules, const conf::Target& target, const smtp::Mailbox& recipient) {
  switch (target.kind) {
    case conf::TargetKind::any: return true;
    case conf::TargetKind::local: return rules.is_local_domain(recipient.canonical_domain());
    case conf::TargetKind::domain: return in_domains(rules, target, recipient.canonical_domain());
    case conf::TargetKind::rcpt_to: return in_mailboxes(rules, target.value, target.table, recipient);
  }
  return false;
}

bool test_fits(const Ruleset& rules, const conf::Test& test, const Facts& facts) {
  switch (test.kind) {
    case conf::TestKind::tag: return equals_nocase(test.value, facts.tag);
    case conf::TestKind::tls: return facts.tls;
    case conf::TestKind::helo: return in_list(rules, test.value, test.table, facts.helo);
  }
  return false;
}

bool fits(const Ruleset& rules, const conf::Match& m, const Facts& facts, const smtp::Mailbox& recipient) {
  return source_fits(rules, m.from, facts) != m.from.negated &&
         target_fits(rules, m.target, recipient) != m.target.negated &&
         std::all_of(m.tests.begin(), m.tests.end(),
                     [&](const conf::Test& test) { return test_fits(rules, test, facts) != test.negated; });
}

}  // namespace

AccountSet::AccountSet(const std::vector<std::string>& names) {
  names_.reserve(names.size());
  for (const auto& name : names) names_.emplace(name, true);
  if (!names.empty()) first_ = names.front();
}

bool AccountSet::has(const std::string& name) const {
  if (!conf::is_account_name(name)) return false;
  return find_ ? find_(name) : names_.count(name) != 0;
}

bool Ruleset::is_local_domain(std::string_view domain) const {
  if (equals_nocase(domain, hostname) || equals_nocase(domain, "localhost")) return true;
  return std::any_of(domains.begin(), domains.end(), [&](const std::string& d) { return equals_nocase(d, domain); });
}

bool Facts::is_local() const {
  static const auto kLoopback4 = conf::parse_network("127.0.0.0/8");
  static const auto kLoopback6 = conf::parse_network("::1");
  return !source || kLoopback4->contains(*source) || kLoopback6->contains(*source);
}

const conf::Match* first_match(const Ruleset& rules, const Facts& facts, const smtp::Mailbox& recipient) {
  const auto it = std::find_if(rules.matches.begin(), rules.matches.end(),
                               [&](const conf::Match& m) { return fits(rules, m, facts, recipient); });
  return it == rules.matches.end() ? nullptr : &*it;
}

const conf::Match* delivering_match(const Ruleset& rules, const smtp::Mailbox& recipient) {
  const auto it = std::find_if(rules.matches.begin(), rules.matches.end(), [&](const conf::Match& m) {
    if (m.reject || target_fits(rules, m.target, recipient) == m.target.negated) return false;
    const auto action = rules.actions.find(m.action);
    return action != rules.actions.end() && action->second.kind == conf::ActionKind::deliver;
  });
  return it == rules.matches.end() ? nullptr : &*it;
}

}  // namespace mailkeep::lookup
