// lib/base/text.h: ASCII text with limits.
// SPDX-License-Identifier: ISC
#include "lib/base/text.h"

#include "regress/unit/unit.h"

using namespace mailkeep;

static void case_is_ascii_only(void**) {
  assert_true(equals_nocase("MAIL", "mail"));
  assert_false(equals_nocase("MAIL", "mai"));
  assert_false(equals_nocase("\xc3\x84", "\xc3\xa4"));
  assert_true(starts_with_nocase("Mail From", "MAIL"));
  assert_text(upper("aZ{"), "AZ{");
}

static void splitting(void**) {
  const auto parts = split("a::b", ':');
  assert_int_equal(parts.size(), 3);
  assert_text(parts[1], "");
  assert_text(parts[2], "b");
  assert_int_equal(split("", ':').size(), 1);
  assert_text(trim(" \ta b\t "), "a b");
  assert_text(trim("  "), "");
}

static void numbers(void**) {
  assert_int_equal(parse_u64("0").value(), 0);
  assert_true(parse_u64("18446744073709551615").value() == UINT64_MAX);
  for (const char* bad : {"", "-1", "+1", " 1", "1 ", "18446744073709551616", "0x1"})
    assert_false(parse_u64(bad).has_value());
  assert_false(parse_u64("11", 10).has_value());
  assert_text(hex64(0xabcdef), "0000000000abcdef");
  assert_true(parse_hex64("0000000000abcdef") == 0xabcdefU);
  assert_false(parse_hex64("00000000000abcdef").has_value());
  assert_false(parse_hex64("xyz").has_value());
}

static void printing(void**) {
  assert_text(printable("a\r\n\\"), "a\\x0d\\x0a\\x5c");
  assert_text(printable("abcdef", 3), "abc...");
  assert_text(printable("abc", 3), "abc");
  // What is escaped stays within the limit too: who asks for it has no room for more.
  for (size_t before = 0; before < 6; before++)
    assert_in_range(printable(std::string(before, 'a') + "\xff\xff", 5).size(), 1, 8);
  assert_text(printable("a\xff", 5), "a\\xff");
  assert_text(printable("ab\xff", 5), "ab...");
}

int main() {
  const CMUnitTest tests[] = {unit_test(case_is_ascii_only), unit_test(splitting), unit_test(numbers),
                              unit_test(printing)};
  return run_unit_tests(tests);
}
