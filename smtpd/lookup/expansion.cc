// Expansion of recipients: see expansion.h.
// SPDX-License-Identifier: ISC
#include "smtpd/lookup/expansion.h"

#include <algorithm>

#include "lib/base/limits.h"
#include "lib/base/text.h"
#include "lib/conf/accounts.h"

namespace mailkeep::lookup {
namespace {

constexpr std::string_view kPostmaster = "postmaster", kAbuse = "abuse", kOwner = "owner-";

bool is_duty(std::string_view user) { return user == kPostmaster || user == kAbuse; }

}  // namespace

Expansion::Name Expansion::cut(const smtp::Mailbox& mailbox, const std::string& detail) const {
  Name out;
  out.local = lower(mailbox.local);
  out.domain = mailbox.canonical_domain();
  const auto parts = smtp::split_subaddress(mailbox.local, rules_.subaddress_separators);
  out.user = lower(parts.user);
  out.detail = parts.has_detail ? std::string(parts.detail) : detail;
  return out;
}

bool Expansion::add_destination(Destination destination) {
  // A member that is too long once its local part is quoted cannot be mailed to.
  if (destination.address.size() > kMaxAddress || destination.detail.size() > kMaxLocalPart) return false;
  const bool is_named = destination.by_lmtp && destination.account.empty();
  const std::string id = destination.leaves()
                             ? "@" + destination.address
                             : destination.action + "\n" +
                                   (is_named ? destination.address : destination.account + "\n" + destination.detail);
  if (!seen_.insert(id).second) return true;
  if (found.size() >= kMaxTargets) {
    too_much = true;
    return false;
  }
  found.push_back(std::move(destination));
  return true;
}

bool Expansion::add(const smtp::Mailbox& mailbox, const conf::Action& action) { return add(mailbox, Way{action}); }

bool Expansion::add_named(const smtp::Mailbox& mailbox) {
  const conf::Action any;
  return add_account(cut(mailbox, ""), mailbox, Way{any});
}

bool Expansion::add(const smtp::Mailbox& given, const Way& way) {
  if (way.depth > kMaxAliasDepth || ++steps_ > kMaxAliasSteps) {
    too_much = true;
    return false;
  }
  smtp::Mailbox mailbox = given;
  if (const std::string domain = given.canonical_domain(); rules_.real_domain(domain) != domain)
    mailbox.domain = rules_.real_domain(domain);
  const Name name = cut(mailbox, way.detail);
  const bool is_virtual = !way.action.virtual_table.empty();
  const std::string& table = is_virtual ? way.action.virtual_table : way.action.alias_table;
  if (const Found f = add_keys(mailbox, name, table, way); f != Found::kNothing) return f == Found::kTaken;
  const bool only_expanded = way.action.only == conf::Only::expanded && way.depth == 0;
  if (!is_virtual && !only_expanded && add_account(name, mailbox, way)) return true;
  if (is_duty(name.user) && add_postmaster(name, mailbox, way)) return true;
  if (const Found f = add_catch_all(mailbox, name, table, way); f != Found::kNothing) return f == Found::kTaken;
  return is_duty(name.user) && !rules_.accounts.first().empty() &&
         add_mailbox(rules_.accounts.first(), "", mailbox, Way{way.action});
}

// Where local has a detail of its own, an alias for all of it keeps none.
Expansion::Found Expansion::add_keys(const smtp::Mailbox& mailbox, const Name& name, const std::string& table,
                                     const Way& way) {
  if (!rules_.aliases.contains(table)) return Found::kNothing;
  Way whole = way, user = way;
  user.detail = name.detail;
  if (name.local == name.user) whole.detail = name.detail;
  for (const auto& [key, kept] : {std::pair(name.local + "@" + name.domain, &whole), std::pair(name.local, &whole),
                                  std::pair(name.user + "@" + name.domain, &user), std::pair(name.user, &user)}) {
    const Found f = add_alias(mailbox, table, key, *kept);
    if (f != Found::kNothing) return f;
  }
  return Found::kNothing;
}

Expansion::Found Expansion::add_catch_all(const smtp::Mailbox& mailbox, const Name& name, const std::string& table,
                                          const Way& way) {
  Way bare = way;
  bare.detail.clear();
  for (const auto& key : {"@" + name.domain, std::string("@")}) {
    const Found f = add_alias(mailbox, table, key, bare);
    if (f != Found::kNothing) return f;
  }
  return Found::kNothing;
}

// Taken: there is such an alias, and it decides.
Expansion::Found Expansion::add_alias(const smtp::Mailbox& mailbox, const std::string& table, const std::string& key,
                                      const Way& way) {
  const auto aliases = rules_.aliases.find(table);
  if (aliases == rules_.aliases.end()) return Found::kNothing;
  const AliasTable::Entry entry = aliases->second.find(key);
  if (!entry) return Found::kNothing;
  const std::string id = table + "\n" + key + "\n" + way.detail + (key[0] == '@' ? "\n" + lower(mailbox.local) : "");
  const std::string here = table + "\n" + key;
  if (std::find(keys_.begin(), keys_.end(), here) != keys_.end()) {
    looped = true;
    return Found::kNothing;  // go on: the account of that name
  }
  if (!done_.insert(id).second) return Found::kTaken;
  Way next = way;
  next.depth++;
  if (std::string owner = owner_of(mailbox, table, key); !owner.empty()) next.owner = std::move(owner);
  keys_.push_back(here);
  bool any = false;
  for (const auto& member : entry.members()) {
    if (add_member(member, mailbox, table, next)) any = true;
    if (too_much) break;
  }
  keys_.pop_back();
  return any ? Found::kTaken : Found::kTakenInVain;
}

// "owner-LIST@domain" if there is such an alias beside that of the list; "" if not.
std::string Expansion::owner_of(const smtp::Mailbox& list, const std::string& table, const std::string& key) const {
  const std::string local = key.substr(0, key.find('@'));
  if (local.empty() || local.starts_with(kOwner)) return "";
  const std::string owner = std::string(kOwner) + local;
  const auto& aliases = rules_.aliases.at(table);
  if (!aliases.contains(owner) && !aliases.contains(owner + "@" + list.canonical_domain())) return "";
  const std::string out = smtp::Mailbox{owner, list.canonical_domain()}.text();
  return out.size() <= kMaxAddress && owner.size() <= kMaxLocalPart ? out : "";
}

bool Expansion::add_member(const conf::AliasMember& member, const smtp::Mailbox& at, const std::string& table,
                           const Way& way) {
  smtp::Mailbox next;
  next.local = member.local;
  next.domain = member.domain.empty() ? at.domain : member.domain;
  const Name name = cut(next, way.detail);
  if (member.is_account) return add_account(name, next, way);
  if (member.domain.empty() && !way.action.virtual_table.empty()) {
    const Found f = table == way.action.virtual_table ? add_keys(next, name, way.action.alias_table, way)
                                                      : add_keys(next, name, table, way);
    return f == Found::kNothing ? add_account(name, next, way) : f == Found::kTaken;
  }
  const std::string domain = rules_.real_domain(next.canonical_domain());
  if (domain == at.canonical_domain()) return add(next, way);
  if (const conf::Match* match = delivering_match(rules_, {next.local, domain})) {
    return add(next, {rules_.actions.at(match->action), way.depth, way.detail, way.owner});
  }
  return add_destination({"", "", next.text(), "", way.owner});
}

bool Expansion::has_account(const std::string& name, const conf::Action& action) const {
  if (!action.userbase.empty()) {
    const auto base = rules_.tables.find(action.userbase);
    if (base == rules_.tables.end() || !base->second.has(name)) return false;
    if (action.kind == conf::ActionKind::lmtp) return conf::is_account_name(name);  // its server has the mailboxes
  }
  return rules_.accounts.has(name);
}

// Into the account's mailbox, wherever the action has it.
bool Expansion::add_mailbox(const std::string& account, const std::string& detail, const smtp::Mailbox& mailbox,
                            const Way& way) {
  Destination out = {account, detail, mailbox.text(), "", way.owner};
  if (way.action.kind != conf::ActionKind::deliver || way.action.forward_file) out.action = way.action.name;
  if (way.action.kind == conf::ActionKind::lmtp) {
    out.by_lmtp = true;
    if (way.action.rcpt_to) out.account.clear();
  }
  return add_destination(std::move(out));
}

bool Expansion::add_account(const Name& name, const smtp::Mailbox& mailbox, const Way& way) {
  if (!way.action.user.empty()) return add_mailbox(way.action.user, name.detail, mailbox, way);
  for (const auto& account : {name.local + "@" + name.domain, name.local}) {
    const std::string& detail = name.local == name.user ? name.detail : "";
    if (has_account(account, way.action)) return add_mailbox(account, detail, mailbox, way);
  }
  for (const auto& account : {name.user + "@" + name.domain, name.user}) {
    if (has_account(account, way.action)) return add_mailbox(account, name.detail, mailbox, way);
  }
  return false;
}

bool Expansion::add_postmaster(const Name& name, const smtp::Mailbox& mailbox, const Way& way) {
  Way next = way;
  next.depth++;
  next.detail.clear();
  const std::string& table = way.action.alias_table;
  // abuse is first whoever postmaster is.
  if (name.user == kAbuse) return add({std::string(kPostmaster), mailbox.domain}, next);
  if (!rules_.postmaster.empty()) {
    const auto parsed = smtp::parse_mailbox(rules_.postmaster);
    const conf::AliasMember member = parsed ? conf::AliasMember{parsed->local, parsed->canonical_domain(), false}
                                            : conf::AliasMember{rules_.postmaster, "", false};
    const bool is_itself =
        equals_nocase(member.local, kPostmaster) && (member.domain.empty() || member.domain == name.domain);
    if (!is_itself && add_member(member, mailbox, table, next)) return true;
  }
  return add_member({"root", "", false}, mailbox, table, next);
}

}  // namespace mailkeep::lookup
