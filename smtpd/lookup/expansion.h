// One expansion of a recipient, depth first, within a budget; expand.h says in which order. Internal to smtpd/lookup.
// SPDX-License-Identifier: ISC
#pragma once

#include <set>
#include <string>
#include <unordered_set>
#include <vector>

#include "smtpd/lookup/expand.h"

namespace mailkeep::lookup {

class Expansion {
 public:
  explicit Expansion(const Ruleset& rules) : rules_(rules) {}
  // Adds all that `mailbox` leads to; false if it leads nowhere.
  bool add(const smtp::Mailbox& mailbox, const conf::Action& action);
  // Adds the account that it names; false: none.
  bool add_named(const smtp::Mailbox& mailbox);

  std::vector<Destination> found;
  bool looped = false;    // an alias led back to itself
  bool too_much = false;  // depth, targets or steps

 private:
  // What an address has from the aliases on the way to it.
  struct Way {
    const conf::Action& action;
    int depth = 0;
    std::string detail = {};
    std::string owner = {};
  };
  struct Name {
    std::string local, user, domain, detail;
  };
  enum class Found : uint8_t { kNothing, kTaken, kTakenInVain };

  Name cut(const smtp::Mailbox& mailbox, const std::string& detail) const;
  bool add(const smtp::Mailbox& given, const Way& way);
  Found add_keys(const smtp::Mailbox& mailbox, const Name& name, const std::string& table, const Way& way);
  Found add_catch_all(const smtp::Mailbox& mailbox, const Name& name, const std::string& table, const Way& way);
  Found add_alias(const smtp::Mailbox& mailbox, const std::string& table, const std::string& key, const Way& way);
  std::string owner_of(const smtp::Mailbox& list, const std::string& table, const std::string& key) const;
  bool add_member(const conf::AliasMember& member, const smtp::Mailbox& at, const std::string& table, const Way& way);
  bool add_account(const Name& name, const smtp::Mailbox& mailbox, const Way& way);
  bool has_account(const std::string& name, const conf::Action& action) const;
  bool add_mailbox(const std::string& account, const std::string& detail, const smtp::Mailbox& mailbox, const Way& way);
  bool add_postmaster(const Name& name, const smtp::Mailbox& mailbox, const Way& way);
  bool add_destination(Destination destination);

  const Ruleset& rules_;
  std::vector<std::string> keys_;         // the aliases that led here
  std::unordered_set<std::string> done_;  // aliases that have been expanded
  std::set<std::string> seen_;            // destinations
  size_t steps_ = 0;
};

}  // namespace mailkeep::lookup
