// From an accepted recipient to accounts and relay targets: aliases, subaddresses, catch-all, postmaster.
//
// An address local@domain is looked for in this order; D is the detail in local = user+D:
//   alias local@domain · alias local · alias user@domain · alias user      (each once on a way: see below)
//   account local@domain · account local · account user@domain · account user
//   postmaster (RFC 5321 4.5.1): the option's account or address · what root leads to, be it a
//     catch-all · the first account
//   alias @domain · alias @
// A member of an alias without a domain is looked for in the same domain; with one, it stays here if a rule delivers
// such a recipient, else it is a target of the relay. An alias that leads back to a name on the way to it means the
// account of that name ("root: root, admin"). The detail goes along to accounts, not to other hosts.
//
// Pure. Process: lookup.
// SPDX-License-Identifier: ISC
#pragma once

#include <string>
#include <vector>

#include "smtpd/lookup/rules.h"

namespace mailkeep::lookup {

constexpr int kMaxAliasDepth = 10;
constexpr size_t kMaxTargets = 10'000;
constexpr size_t kMaxAliasSteps = 100'000;

// One copy of the message. Without account: to another host.
struct Destination {
  std::string account;
  std::string detail;
  std::string address;  // Delivered-To, or the relay's target
  std::string action = {};  // relay: by which way
  bool is_relay() const { return account.empty(); }
  bool operator==(const Destination&) const = default;
};

// What RCPT is answered (code, RFC 3463 status, text), and where the mail goes when that is 250.
struct Verdict {
  unsigned code = 0;
  std::string enhanced;
  std::string text;
  std::vector<Destination> destinations;
  bool accepted() const { return code == 250; }
};

Verdict decide(const Ruleset& rules, const Facts& facts, const smtp::Mailbox& recipient);

// Where mail for an address with a domain goes by that alias table, whatever the rules say; as much as the budget allows.
std::vector<Destination> expand(const Ruleset& rules, const smtp::Mailbox& mailbox, const std::string& alias_table);
// The account that the address names, aliases aside; "" for none.
std::string account_named(const Ruleset& rules, const smtp::Mailbox& mailbox);

}  // namespace mailkeep::lookup
