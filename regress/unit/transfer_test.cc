// lib/text: base64, quoted-printable, encoded-words.
// SPDX-License-Identifier: ISC
#include "lib/text/base64.h"
#include "lib/text/encoded_word.h"
#include "lib/text/quoted_printable.h"
#include "regress/unit/unit.h"

using namespace mailkeep::text;

static void base64_is_strict(void**) {
  const char* pairs[][2] = {{"", ""},
                            {"f", "Zg=="},
                            {"fo", "Zm8="},
                            {"foo", "Zm9v"},
                            {"foob", "Zm9vYg=="},
                            {"fooba", "Zm9vYmE="},
                            {"foobar", "Zm9vYmFy"},
                            {"\xff\xfe\xfd", "//79"}};
  for (const auto& pair : pairs) {
    assert_text(base64_encode(pair[0]), pair[1]);
    assert_text(base64_decode(pair[1]).value(), pair[0]);
  }
  for (const char* bad : {"Z", "Zg", "Zg=", "Zh==", "Zm9=", "Zg==Zg==", "Z===", "====", "Zm 9v", "Zm9v\r\n", "Zm9-"}) {
    assert_false(base64_decode(bad).has_value());
  }
  std::string all;
  for (int i = 0; i < 256; ++i) all += static_cast<char>(i);
  for (size_t n = 0; n <= all.size(); ++n)
    assert_true(base64_decode(base64_encode(all.substr(0, n))).value() == all.substr(0, n));
}

static void base64_bodies_are_tolerant(void**) {
  assert_text(base64_decode_body("Zm9v\r\nYmFy\r\n"), "foobar");
  assert_text(base64_decode_body("Zm 9*v"), "foo");
  assert_text(base64_decode_body("Zg==\r\nfooter"), "f");
  assert_text(base64_decode_body("Zm9vYmFy", 4), "foob");
}

static void quoted_printable(void**) {
  const char* pairs[][2] = {
      {"a=3Db", "a=b"},       {"a=\r\nb", "ab"},  {"a=\nb", "ab"}, {"a= \t\r\nb", "ab"}, {"a  \r\nb\t", "a\r\nb"},
      {"=c3=A4", "\xc3\xa4"}, {"=ZZ=4", "=ZZ=4"}, {"a=", "a"},     {"a\nb", "a\nb"},     {"", ""}};
  for (const auto& pair : pairs) assert_text(qp_decode(pair[0]), pair[1]);
  assert_text(qp_decode("abcdef", 3), "abc");
  assert_text(q_decode("a_b=5F=3f"), "a b_?");
}

static void encoded_words(void**) {
  const char* pairs[][2] = {
      {"plain", "plain"},
      {"=?ISO-8859-1?Q?a?=", "a"},
      {"=?ISO-8859-1?Q?a?= b", "a b"},
      {"=?ISO-8859-1?Q?a?= =?ISO-8859-1?Q?b?=", "ab"},
      {"=?ISO-8859-1?Q?a?=\r\n  =?ISO-8859-1?Q?b?=", "ab"},
      {"=?ISO-8859-1?Q?a_b?=", "a b"},
      {"=?ISO-8859-1?Q?a?= =?ISO-8859-2?Q?_b?=", "a b"},
      {"(=?utf-8?b?w6TDtg==?=)", "(\xc3\xa4\xc3\xb6)"},
      {"=?utf-8*de?q?=C3=A4?=", "\xc3\xa4"},
      {"=?utf-8?q?=C3?= =?utf-8?q?=A4?=", "\xc3\xa4"},  // a character cut in two
      {"=?utf-8?x?a?= =?utf-8?q", "=?utf-8?x?a?= =?utf-8?q"},
      {"=??q?a?=", "=??q?a?="},
      {"=?=?utf-8?q?a?=", "=?a"},
      {"=?utf-8?q?\?=x", "x"},
      {"Gr\xfc\xdf"
       "e =?utf-8?q?=C3=A4?=",
       "Gr\xc3\xbc\xc3\x9f"
       "e \xc3\xa4"},  // 8-bit without a charset
  };
  for (const auto& pair : pairs) assert_text(decode_words(pair[0]), pair[1]);
  assert_text(decode_words("=?utf-8?q?abcdef?=", 3), "abc");
}

int main() {
  const CMUnitTest tests[] = {unit_test(base64_is_strict), unit_test(base64_bodies_are_tolerant),
                              unit_test(quoted_printable), unit_test(encoded_words)};
  return run_unit_tests(tests);
}
