// IMAP's dates. Pure; runs in imapd and `user`; trusts nothing.
// SPDX-License-Identifier: ISC
#include "lib/imap/date.h"

#include <array>
#include <cstdio>

#include "lib/base/calendar.h"
#include "lib/base/text.h"

namespace mailkeep::imap {
namespace {

constexpr int64_t kDay = 86400;

// Exactly `text.size()` digits.
std::optional<unsigned> digits(std::string_view text, unsigned max) {
  for (char c : text)
    if (!is_digit(c)) return std::nullopt;
  const auto value = parse_u64(text, max);
  if (!value) return std::nullopt;
  return static_cast<unsigned>(*value);
}

}  // namespace

std::optional<int64_t> date_text(std::string_view text) {
  const size_t dash = text.find('-');
  if (dash == std::string_view::npos || dash < 1 || dash > 2 || text.size() != dash + 9 || text[dash + 4] != '-')
    return std::nullopt;
  const auto day = digits(trim(text.substr(0, dash)), 31);
  const int month = month_number(text.substr(dash + 1, 3));
  const auto year = digits(text.substr(dash + 5), 9999);
  if (!day || !year || month == 0 || *day == 0) return std::nullopt;
  const auto d = static_cast<int>(*day);
  if (d > days_in_month(*year, month)) return std::nullopt;
  return days_from_civil(*year, month, d);
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
  const CivilDate c = civil_from_days(days);
  const auto seconds = static_cast<unsigned>(rest);
  std::array<char, 64> text{};
  snprintf(text.data(), text.size(), "%02d-%.3s-%04lld %02u:%02u:%02u +0000", c.day, month_name(c.month).data(),
           static_cast<long long>(c.year), seconds / 3600, seconds / 60 % 60, seconds % 60);
  return text.data();
}

}  // namespace mailkeep::imap
