// Names of mailboxes and keywords: what is allowed. They are data, never paths.
// SPDX-License-Identifier: ISC
#pragma once

#include <string>
#include <string_view>

#include "lib/base/result.h"

namespace mailkeep::store {

// The name as the store keeps it ("inbox" and "Inbox/x" become "INBOX" and "INBOX/x"), or EINVAL: empty or too long,
// not UTF-8, with control characters, empty levels, or too deep.
Result<std::string> canonical_name(std::string_view name);
// An atom that is no system flag (RFC 3501 flag-keyword).
bool is_keyword(std::string_view name);
bool is_child_of(std::string_view name, std::string_view parent);

}  // namespace mailkeep::store
