// Whose address is it? What an account may write as the sender of what it submits (RFC 6409 6.1).
//
// An address belongs to an account
//   - when mail for it is delivered here and reaches the account: its own name, an alias or list that it is in, a
//     catch-all; with any subaddress of these;
//   - when it is the account's name at a `domain` of the configuration, with any subaddress, even where an alias for the
//     bare name sends its mail elsewhere ("alice: bob") or no rule delivers it; but not where an alias for that very
//     address gives it to somebody else ("info@other.test: bob").
// Pure. Process: lookup.
// SPDX-License-Identifier: ISC
#pragma once

#include <string>

#include "smtpd/lookup/expand.h"

namespace mailkeep::lookup {

bool belongs(const Ruleset& rules, const std::string& account, const smtp::Mailbox& address);

// A system user's own name at this host, with any subaddress, is the address of one that has no account (cron, php,
// ...).
bool is_users_own(const Ruleset& rules, const std::string& user, const smtp::Mailbox& address);

// 250, or 550 5.7.1 with a text that names the address. The null sender ("") is anybody's (RFC 6409 6.1: reports of
// MUAs). `user`: the system user of a local submission; `account` is then that user's, empty for none.
Verdict check_sender(const Ruleset& rules, const std::string& account, const std::string& address,
                     const std::string& user = "");

// An address as it is written to the world: by the table of `canonical`, first for the whole address, then for its
// domain; then by `masquerade`. Once, so there are no circles. What is checked and what is sent is the outcome. An
// Error: the table has what is no address.
Result<std::string> canonical_sender(const Ruleset& rules, const std::string& address);

}  // namespace mailkeep::lookup
