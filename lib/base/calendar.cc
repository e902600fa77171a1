// The calendar: see calendar.h.
// SPDX-License-Identifier: ISC
#include "lib/base/calendar.h"

#include <algorithm>
#include <array>

#include "lib/base/text.h"

namespace mailkeep {
namespace {

constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

int64_t floor_div(int64_t a, int64_t b) { return a / b - (a % b < 0 ? 1 : 0); }

}  // namespace

// Days by counting from 0000-03-01 in eras of 400 years, so that the leap day ends a year.
int64_t days_from_civil(int64_t year, int month, int day) {
  if (month <= 2) --year;
  const int64_t era = floor_div(year, 400);
  const int64_t year_of_era = year - era * 400;
  const int64_t day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
  const int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
  return era * 146097 + day_of_era - 719468;
}

CivilDate civil_from_days(int64_t days) {
  days += 719468;
  const int64_t era = floor_div(days, 146097);
  const int64_t day_of_era = days - era * 146097;
  const int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
  const int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const int64_t m = (5 * day_of_year + 2) / 153;
  const int month = static_cast<int>(m < 10 ? m + 3 : m - 9);
  const int day = static_cast<int>(day_of_year - (153 * m + 2) / 5 + 1);
  return {year_of_era + era * 400 + (month <= 2 ? 1 : 0), month, day};
}

int days_in_month(int64_t year, int month) {
  if (month == 2) return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28;
  return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
}

int month_number(std::string_view name) {
  if (name.size() < 3) return 0;
  for (size_t i = 0; i < kMonths.size(); ++i) {
    if (starts_with_nocase(name, kMonths[i])) return static_cast<int>(i) + 1;
  }
  return 0;
}

std::string_view month_name(int month) {
  return month >= 1 && month <= 12 ? kMonths[static_cast<size_t>(month - 1)] : std::string_view("???");
}

// full-date "T" full-time: 2026-01-31T12:00:00Z, 2026-01-31t13:00:00.5+01:00
std::optional<int64_t> parse_rfc3339(std::string_view text) {
  const auto number = [&](size_t at, size_t digits, uint64_t most) {
    return at + digits <= text.size() ? parse_u64(text.substr(at, digits), most) : std::nullopt;
  };
  const auto is = [&](size_t at, char c) { return at < text.size() && to_upper(text[at]) == c; };
  const auto year = number(0, 4, 9999), month = number(5, 2, 12), day = number(8, 2, 31);
  const auto hour = number(11, 2, 23), minute = number(14, 2, 59), second = number(17, 2, 60);
  if (!year || !month || !day || !hour || !minute || !second) return {};
  if (!is(4, '-') || !is(7, '-') || !is(10, 'T') || !is(13, ':') || !is(16, ':') || *month == 0 || *day == 0) return {};
  const auto y = static_cast<int64_t>(*year);
  const auto m = static_cast<int>(*month), d = static_cast<int>(*day);
  if (d > days_in_month(y, m)) return {};
  const int64_t local = days_from_civil(y, m, d) * 86400 +
                        static_cast<int64_t>(*hour * 3600 + *minute * 60 + std::min<uint64_t>(*second, 59));
  size_t at = 19;
  if (is(at, '.')) {
    const size_t digits = text.find_first_not_of("0123456789", at + 1);
    if (digits == at + 1 || digits == std::string_view::npos) return {};
    at = digits;
  }
  if (is(at, 'Z')) return at + 1 == text.size() ? std::optional(local) : std::nullopt;
  const auto off_hour = number(at + 1, 2, 23), off_minute = number(at + 4, 2, 59);
  if ((!is(at, '+') && !is(at, '-')) || !off_hour || !is(at + 3, ':') || !off_minute || at + 6 != text.size())
    return {};
  const int64_t offset = static_cast<int64_t>(*off_hour * 3600 + *off_minute * 60);
  return local - (text[at] == '+' ? offset : -offset);
}

std::string format_rfc3339(int64_t unix_seconds) {
  constexpr int64_t kLast = 253'402'300'799;  // of the year 9999
  const int64_t when = std::clamp<int64_t>(unix_seconds, 0, kLast);
  const CivilDate date = civil_from_days(when / 86400);
  const auto padded = [](int64_t n, size_t width) {
    const std::string digits = std::to_string(n);
    return std::string(width - std::min(width, digits.size()), '0') + digits;
  };
  const int64_t second = when % 86400;
  return padded(date.year, 4) + "-" + padded(date.month, 2) + "-" + padded(date.day, 2) + "T" +
         padded(second / 3600, 2) + ":" + padded(second / 60 % 60, 2) + ":" + padded(second % 60, 2) + "Z";
}

}  // namespace mailkeep
