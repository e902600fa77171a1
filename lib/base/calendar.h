// The Gregorian calendar, and date-time of RFC 3339 5.6. Pure, and without the C library's calendar, which would read
// the machine's time zone from a file.
// SPDX-License-Identifier: ISC
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace mailkeep {

// Days since 1970-01-01 of a proleptic Gregorian date, and back.
int64_t days_from_civil(int64_t year, int month, int day);
struct CivilDate {
  int64_t year;
  int month;  // 1 to 12
  int day;    // 1 to 31
};
CivilDate civil_from_days(int64_t days);
int days_in_month(int64_t year, int month);

// 1 to 12 for "jan", "Jan", "JANUARY" …, or 0.
int month_number(std::string_view name);
// "Jan" for 1.
std::string_view month_name(int month);

// A time of RFC 3339 as unix seconds: fractions are dropped, a leap second is the one before it.
std::optional<int64_t> parse_rfc3339(std::string_view text);
// In UTC, of the years 1970 to 9999: "2026-01-31T12:00:00Z".
std::string format_rfc3339(int64_t unix_seconds);

}  // namespace mailkeep
