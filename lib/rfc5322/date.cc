// date-time = [day-of-week ","] day month year hour ":" minute [":" second] zone        RFC 5322 3.3
// SPDX-License-Identifier: ISC
#include "lib/rfc5322/date.h"

#include <array>
#include <cstdio>
#include <vector>

#include "lib/base/calendar.h"
#include "lib/base/text.h"
#include "lib/rfc5322/lexer.h"

namespace mailkeep::rfc5322 {
namespace {

constexpr int64_t kDay = 86400;
constexpr std::array<std::string_view, 7> kWeekdays = {"Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"};
constexpr size_t kMaxWords = 16;

int64_t floor_div(int64_t a, int64_t b) { return a / b - (a % b < 0 ? 1 : 0); }

// The words between white space, commas and comments; a "-" between digits and letters ("24-Nov-2026") too.
std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words;
  Lexer lexer(text);
  std::string word;
  const auto flush = [&] {
    if (!word.empty() && words.size() < kMaxWords) words.push_back(word);
    word.clear();
  };
  while (!lexer.at_end()) {
    if (lexer.skip_cfws()) {
      flush();
      continue;
    }
    const char c = lexer.peek();
    lexer.skip();
    const bool is_date_dash = c == '-' && !word.empty() && word.find(':') == std::string::npos;
    if (c == ',' || is_date_dash) {
      flush();
    } else if (word.size() < 32) {
      word += c;
    }
  }
  flush();
  return words;
}

std::optional<int> number(std::string_view text, int max) {
  const auto value = parse_u64(text, static_cast<uint64_t>(max));
  if (!value) return std::nullopt;
  return static_cast<int>(*value);
}

// hour ":" minute [":" second]; "." for ":" is met too.
std::optional<int64_t> seconds_of_day(std::string text) {
  for (char& c : text) {
    if (c == '.') c = ':';
  }
  const auto parts = split(text, ':');
  if (parts.size() != 2 && parts.size() != 3) return std::nullopt;
  const auto hour = number(parts[0], 23);
  const auto minute = number(parts[1], 59);
  const auto second = parts.size() == 3 ? number(parts[2], 60) : 0;
  if (!hour || !minute || !second) return std::nullopt;
  return *hour * 3600 + *minute * 60 + *second;
}

// zone = ("+" / "-") 4DIGIT / obs-zone, in minutes. Unknown and military ones are -0000 (RFC 5322 4.3).
int zone_minutes(std::string_view zone) {
  if (zone.size() == 5 && (zone[0] == '+' || zone[0] == '-')) {
    const auto digits = number(zone.substr(1), 9999);
    if (!digits || *digits % 100 > 59) return 0;
    const int minutes = *digits / 100 * 60 + *digits % 100;
    return zone[0] == '-' ? -minutes : minutes;
  }
  struct Named {
    std::string_view name;
    int hours;
  };
  constexpr std::array<Named, 8> kZones = {
      {{"EST", -5}, {"EDT", -4}, {"CST", -6}, {"CDT", -5}, {"MST", -7}, {"MDT", -6}, {"PST", -8}, {"PDT", -7}}};
  for (const Named& named : kZones) {
    if (equals_nocase(zone, named.name)) return named.hours * 60;
  }
  return 0;
}

std::optional<int> full_year(std::string_view text) {
  const auto year = number(text, 9999);
  if (!year) return std::nullopt;
  if (text.size() == 2) return *year < 50 ? *year + 2000 : *year + 1900;  // RFC 5322 4.3
  if (text.size() == 3) return *year + 1900;
  if (*year < 1900) return std::nullopt;
  return year;
}

}  // namespace

int64_t DateTime::local_day() const { return floor_div(unix_seconds + zone_minutes * 60, kDay); }

std::optional<DateTime> parse_date(std::string_view text) {
  std::vector<std::string> words = words_of(text);
  size_t at = 0;
  if (at < words.size() && is_alpha(words[at][0]) && month_number(words[at]) == 0) ++at;  // day-of-week
  if (words.size() - at < 4) return std::nullopt;
  // asctime: month day time year
  const bool is_asctime = month_number(words[at]) != 0;
  if (is_asctime) std::swap(words[at], words[at + 1]);
  const bool time_first = words[at + 2].find(':') != std::string::npos;
  if (time_first) std::swap(words[at + 2], words[at + 3]);
  const auto day = number(words[at], 31);
  const int month = month_number(words[at + 1]);
  const auto year = full_year(words[at + 2]);
  const auto seconds = seconds_of_day(words[at + 3]);
  if (!day || *day < 1 || month == 0 || !year || !seconds || *day > days_in_month(*year, month)) return std::nullopt;
  DateTime date;
  if (words.size() > at + 4) date.zone_minutes = zone_minutes(words[at + 4]);
  date.unix_seconds = days_from_civil(*year, month, *day) * kDay + *seconds - int64_t{date.zone_minutes} * 60;
  return date;
}

std::string format_date(int64_t unix_seconds, int zone) {
  const int64_t local = unix_seconds + int64_t{zone} * 60;
  const int64_t days = floor_div(local, kDay);
  const auto second = static_cast<int>(local - days * kDay);
  const CivilDate date = civil_from_days(days);
  const auto weekday = static_cast<size_t>(days - floor_div(days, 7) * 7);
  const int zone_abs = zone < 0 ? -zone : zone;
  std::array<char, 64> out;
  snprintf(out.data(), out.size(), "%s, %d %s %04lld %02d:%02d:%02d %c%02d%02d", kWeekdays[weekday].data(), date.day,
           month_name(date.month).data(), static_cast<long long>(date.year), second / 3600, second / 60 % 60,
           second % 60, zone < 0 ? '-' : '+', zone_abs / 60, zone_abs % 60);
  return out.data();
}

}  // namespace mailkeep::rfc5322
