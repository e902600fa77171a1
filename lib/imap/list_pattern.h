// Mailbox patterns of LIST and LSUB (RFC 3501 6.3.8).
// SPDX-License-Identifier: ISC
#pragma once

#include <string_view>

namespace mailkeep::imap {

// `name` matches `pattern`: "*" stands for any text, "%" for any without '/'. INBOX, as the first level, matches
// in any case.
// Takes time in proportion to pattern times name, whatever the pattern.
bool matches_pattern(std::string_view pattern, std::string_view name);

}  // namespace mailkeep::imap
