// lib/rfc5322/date.h: date-time.
// SPDX-License-Identifier: ISC
#include "lib/rfc5322/date.h"

#include "regress/unit/unit.h"

using namespace mailkeep::rfc5322;

static void reading(void**) {
  struct Row {
    const char* text;
    int64_t seconds;
    int zone;
  };
  const Row table[] = {
      {"Thu, 01 Jan 1970 00:00:00 +0000", 0, 0},
      {"Fri, 21 Nov 1997 09:55:06 -0600", 880127706, -360},
      {"Tue, 1 Jul 2003 10:52:37 +0200", 1057049557, 120},
      {"Thu,\r\n      13\r\n        Feb\r\n          1969\r\n      23:32\r\n               -0330 (Newfoundland Time)",
       -27723480, -210},
      {"21 Nov 97 09:55:06 GMT", 880106106, 0},
      {"Fri, 21 Nov 1997 09(comment):   55  :  06 -0600", INT64_MIN, 0},
      {"21 Nov 1997 09:55 EST", 880124100, -300},
      {"21-Nov-1997 09:55:06 +0000", 880106106, 0},
      {"Fri Nov 21 09:55:06 1997", 880106106, 0},
      {"1 Jan 49 00:00 Z", 2493072000, 0},
      {"1 Jan 100 00:00:00 +0000", 946684800, 0},
      {"29 Feb 2000 23:59:60 +0000", 951868800, 0},
      {"1 Jan 2000 00:00:00", 946684800, 0},
      {"1 Jan 2000 00:00:00 QQQ", 946684800, 0},
      {"29 Feb 1900 00:00 +0000", INT64_MIN, 0},
      {"32 Jan 2000 00:00 +0000", INT64_MIN, 0},
      {"1 Foo 2000 00:00 +0000", INT64_MIN, 0},
      {"1 Jan 2000 24:00 +0000", INT64_MIN, 0},
      {"1 Jan 2000", INT64_MIN, 0},
      {"", INT64_MIN, 0},
      {"Mon", INT64_MIN, 0},
      {"Mon, 99999999999999999999 Jan 2000 1:1:1", INT64_MIN, 0},
  };
  for (const Row& row : table) {
    const auto date = parse_date(row.text);
    if (row.seconds == INT64_MIN) {
      assert_false(date.has_value());
      continue;
    }
    if (!date) fail_msg("%s", row.text);
    assert_int_equal(date->unix_seconds, row.seconds);
    assert_int_equal(date->zone_minutes, row.zone);
  }
  assert_int_equal(parse_date("2 Jan 1970 01:00 +0200")->local_day(), 1);
  assert_int_equal(parse_date("1 Jan 1970 23:00 -0500")->local_day(), 0);
}

static void both_ways(void**) {
  assert_text(format_date(0), "Thu, 1 Jan 1970 00:00:00 +0000");
  assert_text(format_date(880127706, -360), "Fri, 21 Nov 1997 09:55:06 -0600");
  assert_text(format_date(-27723480, -210), "Thu, 13 Feb 1969 23:32:00 -0330");
  for (int64_t t = -2000000000; t < 5000000000; t += 98765431) {
    for (const int zone : {0, 120, -330, 840}) {
      const auto date = parse_date(format_date(t, zone));
      assert_int_equal(date->unix_seconds, t);
      assert_int_equal(date->zone_minutes, zone);
    }
  }
}

int main() {
  const CMUnitTest tests[] = {unit_test(reading), unit_test(both_ways)};
  return run_unit_tests(tests);
}
