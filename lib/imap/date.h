// IMAP's dates (RFC 3501 9: date, date-time), which are neither RFC 5322's nor ISO's.
// SPDX-License-Identifier: ISC
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace mailkeep::imap {

// date-text = date-day "-" date-month "-" date-year, as days since 1970-01-01; nothing for other text
// and for days that no calendar has.
std::optional<int64_t> date_text(std::string_view text);

// What stands between the quotes of date-time, " 7-Feb-1994 21:52:25 -0800", as seconds since 1970-01-01 UTC.
std::optional<int64_t> date_time_text(std::string_view text);

// Seconds since 1970-01-01 as date-time without its quotes, in UTC: "07-Feb-1994 21:52:25 +0000".
std::string format_date_time(int64_t unix_seconds);

}  // namespace mailkeep::imap
