// From an accepted recipient to accounts and relay targets: aliases, virtual users, subaddresses, catch-all,
// postmaster.
//
// An address local@domain is looked for in this order; D is the detail in local = user+D, an alias domain has been
// replaced by the one it stands for:
//   alias local@domain · alias local · alias user@domain · alias user      (each once on a way: see below)
//   account local@domain · account local · account user@domain · account user
//   postmaster and abuse (RFC 5321 4.5.1, RFC 2142): the option's account or address · what root leads to
//   alias @domain · alias @
//   postmaster and abuse: the first account
// Where the action names a table `virtual`, that takes the place of the aliases, and an address that is not in it does
// not exist, whatever accounts there are. Its members without a domain are accounts, behind the action's aliases if it
// has any. A member of an alias without a domain is looked for in the same domain; with one, it stays here if a rule
// delivers such a recipient, else it is a target of the relay. An alias that leads back to a name on the way to it
// means the account of that name ("root: root, admin"). The detail goes along to accounts, not to other hosts. Where a
// list has an alias owner-LIST, that becomes the sender of what the list sends (as in sendmail and Postfix).
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

// One copy of the message. Without account: to another host, or by LMTP.
struct Destination {
  std::string account;  // by LMTP, the name that its server is told; empty: the address
  std::string detail;
  std::string address;  // Delivered-To, or the relay's target
  // Relay: by which way; an account: into whose Maildir or mbox file, or after whose .forward; empty: the mailbox.
  std::string action = {};
  std::string owner = {};     // the address that gets the reports, instead of the sender; empty: the sender
  bool is_forwarded = false;  // to another host by an alias, not by a rule
  bool by_lmtp = false;       // to an account, but another server has its mailbox
  bool is_relay() const { return account.empty() || by_lmtp; }
  bool leaves() const { return is_relay() && !by_lmtp; }
  bool operator==(const Destination&) const = default;
};

// What RCPT is answered (code, RFC 3463 status, text), and where the mail goes when that is 250.
struct Verdict {
  unsigned code = 0;
  std::string enhanced;
  std::string text;
  std::vector<Destination> destinations;
  bool is_discarded = false;  // 250, and it goes nowhere
  uint32_t ttl = 0;           // seconds that it is tried; 0: the queue's own
  std::string rule;           // whose word it is, "mailkeep.conf:12"; empty: no rule's
  bool accepted() const { return code == 250; }
};

Verdict verdict(unsigned code, std::string enhanced, std::string text);

Verdict decide(const Ruleset& rules, const Facts& facts, const smtp::Mailbox& recipient);
// The same for an address in an account's .forward, as for a member of an alias.
Verdict decide_forward(const Ruleset& rules, const smtp::Mailbox& address);

// The sender that a copy has instead of `sender`: the list's owner, or a rewritten one where it is forwarded from a
// domain that is not ours; "": the same. Mail from nobody ("") stays so, or a report would be answered with another.
std::string sender_of(const Ruleset& rules, const Destination& destination, const std::string& sender);

// Where mail for an address with a domain goes by that action, whatever the rules say; as much as the budget allows.
std::vector<Destination> expand(const Ruleset& rules, const smtp::Mailbox& mailbox, const conf::Action& action);
// The account that the address names, aliases aside; "" for none.
std::string account_named(const Ruleset& rules, const smtp::Mailbox& mailbox);

}  // namespace mailkeep::lookup
