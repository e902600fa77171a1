// date-time (RFC 5322 3.3, obsolete zones and years 4.3): reading what strangers write, writing ours. Pure.
// SPDX-License-Identifier: ISC
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace mailkeep::rfc5322 {

struct DateTime {
  int64_t unix_seconds = 0;
  int zone_minutes = 0;  // east of UTC
  // Days since 1970-01-01 of the date as written, whatever its zone: what SEARCH SENTBEFORE compares.
  int64_t local_day() const;
};

// Tolerant: the day's name may be missing or wrong, commas and comments anywhere between words, two- and
// three-digit years, alphabetic zones (unknown ones mean UTC), a missing zone, missing seconds; also
// asctime's order. Years 1900 to 9999.
std::optional<DateTime> parse_date(std::string_view text);

// "Tue, 24 Nov 2026 01:49:10 +0000"
std::string format_date(int64_t unix_seconds, int zone_minutes = 0);

}  // namespace mailkeep::rfc5322
