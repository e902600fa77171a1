// IMAP's dates. Pure; runs in imapd and `user`; trusts nothing.
// SPDX-License-Identifier: ISC
#include "lib/imap/date.h"

#include <array>
#include <cstdio>

#include "lib/base/text.h"

namespace mailkeep::imap {
namespace {

constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
constexpr int64_t kDay = 86400;

unsigned date_month(std::string_view text) {
  for (unsigned i = 0; i < kMonths.size(); ++i)
    if (equals_nocase(text, kMonths[i])) return i + 1;
  return 0;
}

unsigned days_in_month(int year, unsigned month) {
  constexpr std::array<unsigned, 12> kLengths = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
  return kLengths[month - 1] + (month == 2 && leap ? 1 : 0);
}

// Exactly `text.size()` digits.
std::optional<unsigned> digits(std::string_view text, unsigned max) {
  for (char c : text)
    if (!is_digit(c)) return std::nullopt;
  const auto value = parse_u64(text, max);
  if (!value) return std::nullopt;
  return static_cast<unsigned>(*value);
}

struct Civil {
  int year;
  unsigned month, day;
};

Civil civil_from_days(int64_t days) {
  days += 719468;
  const int64_t era = (days >= 0 ? days : days - 146096) / 146097;
  const auto of_era = static_cast<unsigned>(days - era * 146097);
  const unsigned year_of_era = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
  const unsigned of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const unsigned shifted = (5 * of_year + 2) / 153;
  const unsigned day = of_year - (153 * shifted + 2) / 5 + 1;
  const unsigned month = shifted < 10 ? shifted + 3 : shifted - 9;
  return {static_cast<int>(era * 400) + static_cast<int>(year_of_era) + (month <= 2 ? 1 : 0), month, day};
}

}  // namespace

int64_t days_from_civil(int year, unsigned month, unsigned day) {
  const int64_t y = month <= 2 ? year - 1 : year;
  const int64_t era = (y >= 0 ? y : y - 399) / 400;
  const auto year_of_era = static_cast<unsigned>(y - era * 400);
  const unsigned of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
  const unsigned of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + of_year;
  return era * 146097 + static_cast<int64_t>(of_era) - 719468;
}

std::optional<int64_t> date_text(std::string_view text) {
  const size_t dash = text.find('-');
  if (dash == std::string_view::npos || dash < 1 || dash > 2 || text.size() != dash + 9 || text[dash + 4] != '-')
    return std::nullopt;
  const auto day = digits(trim(text.substr(0, dash)), 31);
  const unsigned month = date_month(text.substr(dash + 1, 3));
  const auto year = digits(text.substr(dash + 5), 9999);
  if (!day || !year || month == 0 || *day == 0) return std::nullopt;
  const int y = static_cast<int>(*year);
  if (*day > days_in_month(y, month)) return std::nullopt;
  return days_from_civil(y, month, *day);
}

std::optional<int64_t> date_time_text(std::string_view text) {
  if (text.size() != 26 || text[11] != ' ' || text[14] != ':' || text[17] != ':' || text[20] != ' ')
    return std::nullopt;
  const auto day = date_text(text.substr(0, 11));
  const auto hour = digits(text.substr(12, 2), 23), minute = digits(text.substr(15, 2), 59);
  const auto second = digits(text.substr(18, 2), 60);
  const auto zone_hour = digits(text.substr(22, 2), 23), zone_minute = digits(text.substr(24, 2), 59);
  const char sign = text[21];
  if (!day || !hour || !minute || !second || !zone_hour || !zone_minute || (sign != '+' && sign != '-'))
    return std::nullopt;
  const int64_t zone = int64_t{*zone_hour} * 3600 + int64_t{*zone_minute} * 60;
  return *day * kDay + int64_t{*hour} * 3600 + int64_t{*minute} * 60 + int64_t{*second} - (sign == '-' ? -zone : zone);
}

std::string format_date_time(int64_t unix_seconds) {
  int64_t days = unix_seconds / kDay;
  int64_t rest = unix_seconds % kDay;
  if (rest < 0) {
    rest += kDay;
    --days;
  }
  const Civil c = civil_from_days(days);
  const auto seconds = static_cast<unsigned>(rest);
  std::array<char, 64> text{};
  snprintf(text.data(), text.size(), "%02u-%.3s-%04d %02u:%02u:%02u +0000", c.day, kMonths[c.month - 1].data(), c.year,
           seconds / 3600, seconds / 60 % 60, seconds % 60);
  return text.data();
}

}  // namespace mailkeep::imap
