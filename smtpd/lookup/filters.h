// What the filters of a listener say of a session, phase by phase, while the client speaks. Pure. Process: lookup.
// What a filter refuses never becomes mail; what it marks is mail all the same. No rule asks whether there were
// filters.
// SPDX-License-Identifier: ISC
#pragma once

#include "smtpd/lookup/messages.h"
#include "smtpd/lookup/rules.h"

namespace mailkeep::lookup {

// The filters of that phase in the listener's order, until one refuses or bypasses the rest. `recipient` is empty but
// in phase rcpt-to. A table that cannot be read, or a regular expression that costs too much, is a 451.
Filtered ask_filters(const Ruleset& rules, uint32_t listener, conf::Phase phase, const Facts& facts,
                     const smtp::Mailbox& recipient);

}  // namespace mailkeep::lookup
