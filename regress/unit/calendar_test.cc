// lib/base/calendar.h: days, months, and the times of RFC 3339.
// SPDX-License-Identifier: ISC
#include "lib/base/calendar.h"

#include "regress/unit/unit.h"

using namespace mailkeep;

static void times(void**) {
  assert_int_equal(*parse_rfc3339("1970-01-01T00:00:00Z"), 0);
  assert_int_equal(*parse_rfc3339("2026-01-31t13:30:00.125+01:30"), 1769860800);
  assert_int_equal(*parse_rfc3339("2026-01-31T10:30:00-01:30"), 1769860800);
  assert_text(format_rfc3339(1769860800), "2026-01-31T12:00:00Z");
  assert_text(format_rfc3339(0), "1970-01-01T00:00:00Z");
  assert_text(format_rfc3339(INT64_MAX), "9999-12-31T23:59:59Z");
  assert_int_equal(*parse_rfc3339("2024-02-29T23:59:60Z"), 1709251199);
  for (const char* bad : {"", "2026-01-31", "2026-01-31T12:00:00", "2026-02-30T12:00:00Z", "2026-13-01T12:00:00Z",
                          "2026-01-31 12:00:00Z", "2026-01-31T24:00:00Z", "2026-01-31T12:00:00.Z",
                          "2026-01-31T12:00:00+0100", "2026-01-31T12:00:00ZZ", "2026-00-10T12:00:00Z"}) {
    if (parse_rfc3339(bad)) fail_msg("taken: %s", bad);
  }
}

static void days(void**) {
  for (int64_t day = -800000; day < 800000; day += 37) {
    const CivilDate date = civil_from_days(day);
    assert_int_equal(days_from_civil(date.year, date.month, date.day), day);
  }
  assert_int_equal(days_from_civil(1970, 1, 1), 0);
  assert_int_equal(days_from_civil(2024, 2, 29), 19782);
  assert_int_equal(civil_from_days(-1).year, 1969);
  assert_int_equal(days_in_month(1900, 2), 28);
  assert_int_equal(days_in_month(2000, 2), 29);
}

static void months(void**) {
  for (int month = 1; month <= 12; month++) assert_int_equal(month_number(month_name(month)), month);
  assert_int_equal(month_number("december"), 12);
  for (const char* bad : {"", "de", "dez", "month"}) assert_int_equal(month_number(bad), 0);
}

int main() {
  const CMUnitTest tests[] = {unit_test(days), unit_test(months), unit_test(times)};
  return run_unit_tests(tests);
}
