// Senders of submissions: see senders.h.
// SPDX-License-Identifier: ISC
#include "smtpd/lookup/senders.h"

#include <algorithm>

#include "lib/base/text.h"

namespace mailkeep::lookup {
namespace {

bool reaches(const std::vector<Destination>& destinations, const std::string& account) {
  return std::any_of(destinations.begin(), destinations.end(),
                     [&](const Destination& d) { return d.account == account; });
}

// There is an alias for the address with its domain, with or without the subaddress.
bool has_alias_of_its_own(const Ruleset& rules, const std::string& table, const smtp::Mailbox& address) {
  const auto aliases = rules.aliases.find(table);
  if (aliases == rules.aliases.end()) return false;
  const std::string domain = "@" + address.canonical_domain();
  const auto user = smtp::split_subaddress(address.local, rules.subaddress_separators).user;
  return aliases->second.contains(lower(address.local) + domain) || aliases->second.contains(lower(user) + domain);
}

// "" as it is.
Result<std::string> from_table(const Ruleset& rules, const smtp::Mailbox& address) {
  const auto table = rules.tables.find(rules.canonical.table);
  if (rules.canonical.table.empty() || table == rules.tables.end()) return std::string();
  const std::string domain = "@" + address.canonical_domain();
  auto value = table->second.value(lower(address.local) + domain);
  if (!value) value = table->second.value(domain);
  if (!value) return std::string();
  const std::string text = value->rfind('@', 0) == 0 ? smtp::Mailbox{address.local, value->substr(1)}.text() : *value;
  if (!smtp::parse_mailbox(text))
    return Error("the table of canonical addresses has what is none: " + printable(*value, 100));
  return text;
}

void masquerade(const conf::Canonical& c, smtp::Mailbox& address) {
  if (std::find(c.except.begin(), c.except.end(), lower(address.local)) != c.except.end()) return;
  const std::string domain = address.canonical_domain();
  for (const auto& parent : c.masquerade) {
    const bool is_below = domain.size() > parent.size() + 1 && domain.ends_with(parent) &&
                          domain[domain.size() - parent.size() - 1] == '.';
    if (!is_below) continue;
    address.domain = parent;
    return;
  }
}

}  // namespace

Result<std::string> canonical_sender(const Ruleset& rules, const std::string& address) {
  auto mailbox = smtp::parse_mailbox(address);
  if (!mailbox || !rules.canonical.any()) return address;
  const auto found = from_table(rules, *mailbox);
  if (!found) return found.error();
  if (!found->empty()) mailbox = smtp::parse_mailbox(*found);
  const std::string before = mailbox->domain;
  masquerade(rules.canonical, *mailbox);
  return found->empty() && mailbox->domain == before ? address : mailbox->text();
}

bool belongs(const Ruleset& rules, const std::string& account, const smtp::Mailbox& address) {
  if (account.empty() || address.domain.empty()) return false;
  const std::string domain = rules.real_domain(address.canonical_domain());
  const conf::Match* match = delivering_match(rules, {address.local, domain});
  const conf::Action nothing;
  const conf::Action& action = match == nullptr ? nothing : rules.actions.at(match->action);
  if (match != nullptr && reaches(expand(rules, address, action), account)) return true;
  const bool is_ours = std::find(rules.domains.begin(), rules.domains.end(), domain) != rules.domains.end();
  if (!is_ours || !action.virtual_table.empty()) return false;
  return !has_alias_of_its_own(rules, action.alias_table, {address.local, domain}) &&
         account_named(rules, {address.local, domain}) == account;
}

bool is_users_own(const Ruleset& rules, const std::string& user, const smtp::Mailbox& address) {
  const auto local = smtp::split_subaddress(address.local, rules.subaddress_separators).user;
  const bool is_named = local == user || lower(local) == user;  // not Bob by bob, who is another
  return !user.empty() && is_named && address.canonical_domain() == rules.hostname;
}

Verdict check_sender(const Ruleset& rules, const std::string& account, const std::string& address,
                     const std::string& user) {
  Verdict good = verdict(250, "2.1.0", "sender ok");
  if (address.empty()) return good;
  const auto mailbox = smtp::parse_mailbox(address);
  const bool is_own = mailbox && (belongs(rules, account, *mailbox) || is_users_own(rules, user, *mailbox));
  if (rules.take_failure()) return verdict(451, "4.3.5", "a table of this server cannot be read now, try again later");
  if (is_own) return good;
  const std::string name = printable(address, 200);
  if (!mailbox)
    return verdict(550, "5.7.1", "<" + name + "> is not an address that can be sent from: use one of yours");
  if (!user.empty())
    return verdict(550, "5.7.1",
                   "<" + name + "> is no address of the local user " + printable(user, 100) + ": use one that is");
  return verdict(550, "5.7.1",
                 "<" + name + "> does not belong to the account " + printable(account, 100) +
                     " that has logged in: use one that does");
}

}  // namespace mailkeep::lookup
