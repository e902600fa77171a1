// Modified UTF-7, the international mailbox names of IMAP4rev1 (RFC 3501 5.1.3). Strict, so that a name has
// exactly one spelling. Pure.
// SPDX-License-Identifier: ISC
#pragma once

#include <string>
#include <string_view>

#include "lib/base/result.h"

namespace mailkeep::text {

constexpr size_t kMaxMailboxName = 1000;  // bytes of either form

// An Error for 8-bit bytes, controls, encoded printable ASCII, superfluous shifts, lone surrogates, unused
// bits that are not zero.
Result<std::string> mailbox_name_to_utf8(std::string_view mutf7);
// An Error for bad UTF-8, NUL, CR or LF and over-long names.
Result<std::string> mailbox_name_from_utf8(std::string_view utf8);

}  // namespace mailkeep::text
