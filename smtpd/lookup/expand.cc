// Expansion, depth first, within a budget.
// SPDX-License-Identifier: ISC
#include "smtpd/lookup/expand.h"

#include <algorithm>
#include <set>
#include <unordered_set>

#include "lib/base/limits.h"
#include "lib/base/text.h"

namespace mailkeep::lookup {
namespace {

constexpr std::string_view kPostmaster = "postmaster";

class Expansion {
 public:
  explicit Expansion(const Ruleset& rules) : rules_(rules) {}
  // Adds all that `mailbox` leads to; false if it leads nowhere.
  bool add(const smtp::Mailbox& mailbox, const std::string& alias_table, int depth, const std::string& detail);
  // Adds the account that it names; false: none.
  bool add_named(const smtp::Mailbox& mailbox) { return add_account(cut(mailbox, ""), mailbox); }

  std::vector<Destination> found;
  bool looped = false;    // an alias led back to itself
  bool too_much = false;  // depth, targets or steps

 private:
  struct Name {
    std::string local, user, domain, detail;
  };
  Name cut(const smtp::Mailbox& mailbox, const std::string& detail) const;
  bool add_alias(const smtp::Mailbox& mailbox, const std::string& table, const std::string& key,
                 const std::string& detail, int depth, bool& taken);
  bool add_member(const conf::AliasMember& member, const smtp::Mailbox& at, const std::string& table, int depth,
                  const std::string& detail);
  bool add_account(const Name& name, const smtp::Mailbox& mailbox);
  bool add_postmaster(const Name& name, const smtp::Mailbox& mailbox, const std::string& table, int depth);
  bool add_destination(Destination destination);

  const Ruleset& rules_;
  std::vector<std::string> way_;           // the aliases that led here
  std::unordered_set<std::string> done_;  // aliases that have been expanded
  std::set<std::string> seen_;            // destinations
  size_t steps_ = 0;
};

Expansion::Name Expansion::cut(const smtp::Mailbox& mailbox, const std::string& detail) const {
  Name out;
  out.local = lower(mailbox.local);
  out.domain = mailbox.canonical_domain();
  const auto parts = smtp::split_subaddress(mailbox.local, rules_.subaddress_separator);
  out.user = lower(parts.user);
  out.detail = parts.has_detail ? std::string(parts.detail) : detail;
  return out;
}

bool Expansion::add_destination(Destination destination) {
  // A member that is too long once its local part is quoted cannot be mailed to.
  if (destination.address.size() > kMaxAddress || destination.detail.size() > kMaxLocalPart) return false;
  const std::string id = destination.is_relay() ? "@" + destination.address : destination.account + "\n" + destination.detail;
  if (!seen_.insert(id).second) return true;
  if (found.size() >= kMaxTargets) {
    too_much = true;
    return false;
  }
  found.push_back(std::move(destination));
  return true;
}

bool Expansion::add(const smtp::Mailbox& mailbox, const std::string& alias_table, int depth, const std::string& detail) {
  if (depth > kMaxAliasDepth || ++steps_ > kMaxAliasSteps) {
    too_much = true;
    return false;
  }
  const Name name = cut(mailbox, detail);
  bool taken = false;
  // Where local has a detail of its own, an alias for all of it keeps none.
  const bool whole = name.local == name.user;
  const std::string& outer = whole ? name.detail : detail;
  for (const auto& [key, kept] : {std::pair(name.local + "@" + name.domain, outer), std::pair(name.local, outer),
                                  std::pair(name.user + "@" + name.domain, name.detail), std::pair(name.user, name.detail)}) {
    const bool good = add_alias(mailbox, alias_table, key, kept, depth, taken);
    if (taken) return good;
  }
  if (add_account(name, mailbox)) return true;
  if (name.user == kPostmaster && add_postmaster(name, mailbox, alias_table, depth)) return true;
  for (const auto& key : {"@" + name.domain, std::string("@")}) {
    const bool good = add_alias(mailbox, alias_table, key, "", depth, taken);
    if (taken) return good;
  }
  return false;
}

// `taken`: there is such an alias, and it decides.
bool Expansion::add_alias(const smtp::Mailbox& mailbox, const std::string& table, const std::string& key,
                          const std::string& detail, int depth, bool& taken) {
  const auto aliases = rules_.aliases.find(table);
  if (aliases == rules_.aliases.end()) return false;
  const auto it = aliases->second.find(key);
  if (it == aliases->second.end()) return false;
  const std::string id = table + "\n" + key + "\n" + detail + (key[0] == '@' ? "\n" + lower(mailbox.local) : "");
  const std::string here = table + "\n" + key;
  if (std::find(way_.begin(), way_.end(), here) != way_.end()) {
    looped = true;
    return false;  // go on: the account of that name
  }
  taken = true;
  if (!done_.insert(id).second) return true;
  way_.push_back(here);
  bool any = false;
  for (const auto& member : it->second) {
    if (add_member(member, mailbox, table, depth + 1, detail)) any = true;
    if (too_much) break;
  }
  way_.pop_back();
  return any;
}

bool Expansion::add_member(const conf::AliasMember& member, const smtp::Mailbox& at, const std::string& table, int depth,
                           const std::string& detail) {
  smtp::Mailbox next;
  next.local = member.local;
  next.domain = member.domain.empty() ? at.domain : member.domain;
  if (member.is_account) return add_account(cut(next, detail), next);
  if (member.domain.empty() || next.canonical_domain() == at.canonical_domain()) return add(next, table, depth, detail);
  if (const conf::Match* match = delivering_match(rules_, next)) {
    return add(next, rules_.actions.at(match->action).alias_table, depth, detail);
  }
  return add_destination({"", "", next.text()});
}

bool Expansion::add_account(const Name& name, const smtp::Mailbox& mailbox) {
  for (const auto& account : {name.local + "@" + name.domain, name.local}) {
    const std::string& detail = name.local == name.user ? name.detail : "";
    if (rules_.accounts.has(account)) return add_destination({account, detail, mailbox.text()});
  }
  for (const auto& account : {name.user + "@" + name.domain, name.user}) {
    if (rules_.accounts.has(account)) return add_destination({account, name.detail, mailbox.text()});
  }
  return false;
}

bool Expansion::add_postmaster(const Name& name, const smtp::Mailbox& mailbox, const std::string& table, int depth) {
  if (!rules_.postmaster.empty()) {
    const auto parsed = smtp::parse_mailbox(rules_.postmaster);
    const conf::AliasMember member = parsed ? conf::AliasMember{parsed->local, parsed->canonical_domain(), false}
                                            : conf::AliasMember{rules_.postmaster, "", false};
    const bool is_itself = equals_nocase(member.local, kPostmaster) && (member.domain.empty() || member.domain == name.domain);
    if (!is_itself && add_member(member, mailbox, table, depth + 1, "")) return true;
  }
  if (add_member({"root", "", false}, mailbox, table, depth + 1, "")) return true;
  return !rules_.accounts.first().empty() && add_destination({rules_.accounts.first(), "", mailbox.text()});
}

Verdict reply(unsigned code, std::string enhanced, std::string text) { return {code, std::move(enhanced), std::move(text), {}}; }

Verdict deliver(const Ruleset& rules, const conf::Action& action, const smtp::Mailbox& recipient) {
  Expansion expansion(rules);
  const bool known = expansion.add(recipient, action.alias_table, 0, "");
  if (expansion.too_much) return reply(451, "4.3.5", "the alias of this recipient expands to too much");
  if (expansion.found.empty()) {
    if (expansion.looped) return reply(451, "4.3.5", "the alias of this recipient leads in a circle");
    if (equals_nocase(recipient.local, kPostmaster)) return reply(451, "4.3.5", "no account for postmaster");
    return reply(550, "5.1.1", "no such user here");
  }
  if (!known) fatal("lookup: destinations of an unknown recipient");
  Verdict out = reply(250, "2.1.5", "recipient ok");
  out.destinations = std::move(expansion.found);
  return out;
}

}  // namespace

Verdict decide(const Ruleset& rules, const Facts& facts, const smtp::Mailbox& recipient) {
  smtp::Mailbox to = recipient;
  if (to.domain.empty()) to.domain = rules.domains.empty() ? rules.hostname : rules.domains.front();
  const bool is_postmaster = equals_nocase(to.local, kPostmaster) && rules.is_local_domain(to.canonical_domain());
  const conf::Match* match = first_match(rules, facts, to);
  if (match != nullptr && match->reject) {
    return reply(550, "5.7.1", match->reject_text.empty() ? "refused by the rules of this server" : match->reject_text);
  }
  const conf::Action* action = nullptr;
  if (match != nullptr) {
    const auto it = rules.actions.find(match->action);
    if (it == rules.actions.end()) fatal("lookup: a rule without its action");
    action = &it->second;
  }
  // RFC 5321 4.5.1: a server that takes mail for a domain takes its postmaster's.
  if (action == nullptr && is_postmaster) {
    for (const auto& [name, other] : rules.actions) {
      if (other.kind == conf::ActionKind::deliver) action = &other;
    }
  }
  if (action == nullptr) return reply(550, "5.7.1", "relaying denied: not a recipient of this server");
  if (action->kind == conf::ActionKind::deliver) return deliver(rules, *action, to);
  Verdict out = reply(250, "2.1.5", "recipient ok");
  out.destinations.push_back({"", "", to.text(), action->name});
  return out;
}

std::vector<Destination> expand(const Ruleset& rules, const smtp::Mailbox& mailbox, const std::string& alias_table) {
  Expansion expansion(rules);
  expansion.add(mailbox, alias_table, 0, "");
  return std::move(expansion.found);
}

std::string account_named(const Ruleset& rules, const smtp::Mailbox& mailbox) {
  Expansion expansion(rules);
  return expansion.add_named(mailbox) ? expansion.found.front().account : "";
}

}  // namespace mailkeep::lookup
