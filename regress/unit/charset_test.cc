// lib/text: UTF-8, charsets, case folding.
// SPDX-License-Identifier: ISC
#include "lib/text/charset.h"
#include "lib/text/casefold.h"
#include "lib/text/utf8.h"
#include "regress/unit/unit.h"

using namespace mailkeep::text;

static void utf8_is_strict(void**) {
  for (const char* good :
       {"", "a", "\xc3\xa4", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "\xf4\x8f\xbf\xbf", "\xef\xbf\xbf"}) {
    assert_true(is_utf8(good));
  }
  for (const char* bad : {"\x80", "\xc0\xaf", "\xc1\x81", "\xe0\x80\xaf", "\xed\xa0\x80", "\xf0\x80\x80\xaf",
                          "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xc3", "\xe2\x82", "\xc3(", "\xff"}) {
    assert_false(is_utf8(bad));
    assert_true(is_utf8(repair_utf8(bad)));
  }
  for (char32_t rune = 0; rune <= 0x10FFFF; rune += rune < 0x900 ? 1 : 257) {
    if (rune >= 0xD800 && rune <= 0xDFFF) continue;
    std::string out;
    append_rune(out, rune);
    size_t at = 0;
    assert_true(next_rune(out, at) == rune);
    assert_int_equal(at, out.size());
  }
  assert_text(repair_utf8("\xc3\xa4\xc3\xa4", 3), "\xc3\xa4");
}

static void charsets(void**) {
  assert_true(is_known_charset("utf-8"));
  assert_true(is_known_charset("US-ASCII"));
  assert_true(is_known_charset("koi8-r"));
  assert_true(is_known_charset("iso-2022-jp"));
  for (const char* bad : {"", "x-nothing", "utf-8//TRANSLIT", "../../etc/passwd", "a b"})
    assert_false(is_known_charset(bad));
  assert_text(to_utf8("\xe4", "iso-8859-1"), "\xc3\xa4");
  assert_text(to_utf8("\x80", "iso-8859-1"), "\xe2\x82\xac");  // windows-1252 in disguise
  assert_text(to_utf8("\xc3\xa4", ""), "\xc3\xa4");
  assert_text(to_utf8("\xe4", "us-ascii"), "\xc3\xa4");
  assert_text(to_utf8("a\xff"
                      "b",
                      "utf-8"),
              "a\xef\xbf\xbd"
              "b");
  assert_text(to_utf8("\x1b$B$\"\x1b(B", "iso-2022-jp"), "\xe3\x81\x82");
  assert_text(to_utf8("a", "x-nothing"), "a");
  const std::string utf7 = to_utf8("\xff\xff+AOQ-", "utf-7");
  assert_true(is_utf8(utf7));
  assert_int_equal(to_utf8(std::string(100000, '\xe4'), "iso-8859-1", 1001).size(), 1000);
}

static void folding(void**) {
  assert_text(casefold("MiXed"), "mixed");
  assert_text(casefold("\xc3\x84"), casefold("\xc3\xa4"));   // Ä ä
  assert_text(casefold("\xc3\xa4"), casefold("a\xcc\x88"));  // composed, decomposed
  assert_text(casefold("Stra\xc3\x9f"
                       "e"),
              "strasse");
  assert_text(casefold("\xd0\x96"), casefold("\xd0\xb6"));  // Cyrillic
  assert_true(casefold("\xff").size() == 3);
  assert_true(contains_folded("XX \xc3\x84pfel", casefold("\xc3\xa4PF")));
  assert_false(contains_folded("abc", casefold("abd")));
  assert_true(contains_folded("", ""));
}

// A hit is found wherever it lies about the slices that the search folds.
static void folding_in_slices(void**) {
  const std::string needle = casefold(
      "N\xc3\xa4"
      "del");
  for (size_t before = 65520; before < 65545; ++before) {
    assert_true(contains_folded(std::string(before, '.') +
                                    "n\xc3\x84"
                                    "DEL" +
                                    std::string(70000, '.'),
                                needle));
    assert_false(contains_folded(std::string(before, '.') +
                                     "n\xc3\x84"
                                     "DE" +
                                     std::string(70000, '.'),
                                 needle));
  }
  std::string wide;
  for (int i = 0; i < 50000; ++i) wide += "\xd0\x96";
  assert_true(contains_folded(wide + "\xd0\xaf", casefold("\xd0\xb6\xd1\x8f")));
}

int main() {
  const CMUnitTest tests[] = {unit_test(utf8_is_strict), unit_test(charsets), unit_test(folding),
                              unit_test(folding_in_slices)};
  return run_unit_tests(tests);
}
