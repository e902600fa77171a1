// From the parent's configuration messages to a Ruleset: tables are parsed and every name is looked up.
// Process: lookup. Trust: the parent, and the administrator's tables, parsed as if from outside.
// SPDX-License-Identifier: ISC
#pragma once

#include <optional>
#include <vector>

#include "smtpd/lookup/messages.h"
#include "smtpd/lookup/rules.h"

namespace mailkeep::lookup {

// The messages of one generation, as they came.
struct Draft {
  Config config;
  std::vector<Table> tables;
  std::optional<Accounts> accounts;
  std::vector<Action> actions;
  std::vector<Match> matches;
  std::vector<Filter> filters;
  std::vector<Chain> chains;
};

// `system_account` answers whether the system has such a user, when the accounts are the system's.
Result<Ruleset> build_rules(const Draft& draft, const AccountSet::Find& system_account);

// A session's facts as the rules ask them; what no parser takes fits no rule that names it.
Facts to_facts(const SessionFacts& facts);

}  // namespace mailkeep::lookup
