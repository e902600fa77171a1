// lib/imap: terminals, sequence sets, dates, patterns and writers (RFC 3501 9).
// SPDX-License-Identifier: ISC
#include "lib/imap/date.h"
#include "lib/imap/lexer.h"
#include "lib/imap/list_pattern.h"
#include "lib/imap/sequence_set.h"
#include "lib/imap/writer.h"
#include "regress/unit/unit.h"

using namespace mailkeep::imap;

static void sets(void**) {
  for (const char* good : {"1", "*", "1:*", "*:4", "1,2,3:7", "4294967295"})
    assert_true(sequence_set(good).has_value());
  for (const char* bad : {"", "0", "1:", ":1", "1,", ",1", "1:2:3", "4294967296", "a", "1 ", "+1", "**"})
    assert_false(sequence_set(bad).has_value());
  const auto ranges = sequence_set("5:3,9,*,1:2,10")->resolve(12);
  assert_int_equal(ranges.size(), 3);
  assert_true(ranges[0].first == 1 && ranges[0].last == 5);
  assert_true(ranges[1].first == 9 && ranges[1].last == 10);
  assert_true(ranges[2].first == 12 && ranges[2].last == 12);
  assert_true(contains(ranges, 4) && contains(ranges, 10) && contains(ranges, 12));
  assert_false(contains(ranges, 6) || contains(ranges, 11) || contains(ranges, 13) || contains(ranges, 0));
  assert_true(sequence_set("1:*")->resolve(0).empty());
  // RFC 3501 9: "*:559" with 100 messages is 100:559, so it holds the last one.
  assert_true(contains(sequence_set("*:559")->resolve(100), 100));
  assert_true(sequence_set("1:4294967295")->resolve(3)[0].last == 4294967295U);
  assert_true(sequence_set("1:3,*")->within(3));
  assert_false(sequence_set("1:4")->within(3));
  assert_text(format_set({1, 2, 3, 7, 9, 10}), "1:3,7,9:10");
  assert_text(format_set({}), "");
  std::string many = "1";
  for (size_t i = 1; i < kMaxRanges; ++i) many += ",1";
  assert_true(sequence_set(many).has_value());
  assert_false(sequence_set(many + ",1").has_value());
}

static void dates(void**) {
  assert_true(date_text("1-Jan-1970") == 0);
  assert_true(date_text("01-feb-1994") == 8797);
  assert_true(date_text("29-Feb-2000").has_value());
  for (const char* bad :
       {"29-Feb-1999", "0-Jan-1999", "32-Jan-1999", "1-Foo-1999", "1-Jan-99", "1 Jan 1999", "", "1-Jan-19999"})
    assert_false(date_text(bad).has_value());
  assert_true(date_time_text("17-Jul-1996 02:44:25 -0700") == 837596665);
  assert_true(date_time_text(" 7-Feb-1994 21:52:25 -0800") == 760686745);
  for (const char* bad : {"7-Feb-1994 21:52:25 -0800", "17-Jul-1996 24:44:25 -0700", "17-Jul-1996 02:44:25 0700 "})
    assert_false(date_time_text(bad).has_value());
  assert_text(format_date_time(837596665), "17-Jul-1996 09:44:25 +0000");
  assert_text(format_date_time(0), "01-Jan-1970 00:00:00 +0000");
  assert_text(format_date_time(-1), "31-Dec-1969 23:59:59 +0000");
  assert_text(format_date_time(951782400), "29-Feb-2000 00:00:00 +0000");
}

static void strings(void**) {
  assert_text(Lexer("\"a\\\"b\\\\\"").astring().value(), "a\"b\\");
  assert_text(Lexer("{3}\r\na\"b").astring().value(), "a\"b");
  assert_text(Lexer("{3+}\r\nabc").string().value(), "abc");
  assert_text(Lexer("{0}\r\n").astring().value(), "");
  assert_text(Lexer("a]b c").astring().value(), "a]b");
  for (const char* bad : {"", "\"a", "\"a\\n\"", "\"\r\"", "{4}\r\nabc", "{1\r\na", "(", "\x80"})
    assert_false(Lexer(bad).astring().has_value());
  assert_false(Lexer(std::string_view("{1}\r\n\0", 6)).astring().has_value());
  assert_false(Lexer("atom").string().has_value());
  Lexer in("(");
  assert_false(in.astring().has_value());
  assert_text(in.expected(), "astring");
}

static void flags(void**) {
  const auto list = Lexer("(\\Seen \\DELETED $Forwarded work $forwarded)").flag_list();
  assert_true(list && list->seen && list->deleted && !list->answered && !list->flagged && !list->draft);
  assert_int_equal(list->keywords.size(), 2);
  assert_text(list->keywords[0], "$Forwarded");
  assert_true(Lexer("()").flag_list().has_value());
  const auto unknown = Lexer("(\\Recent \\Foo \\Seenx)").flag_list();
  assert_true(unknown && unknown->keywords.empty() && !unknown->seen);
  for (const char* bad : {"( \\Seen)", "(\\Seen", "(\\Seen )", "(\\)"})
    assert_false(Lexer(bad).flag_list().has_value());
  assert_false(Lexer("(" + std::string(kMaxKeyword + 1, 'k') + ")").flag_list().has_value());
}

static void literals(void**) {
  const auto plain = literal_header("a {12}");
  assert_true(plain && plain->size == 12 && plain->synchronizing && plain->position == 2);
  assert_true(literal_header("{0+}") && !literal_header("{0+}")->synchronizing);
  for (const char* bad : {"", "{}", "{+}", "{1", "1}", "{-1}", "{1 }", "{99999999999999999999}", "{1}x"})
    assert_false(literal_header(bad).has_value());
}

static void patterns(void**) {
  struct Case {
    const char *pattern, *name;
    bool matches;
  };
  constexpr Case kCases[] = {
      {"*", "a/b", true},
      {"%", "a/b", false},
      {"%", "a", true},
      {"a/%", "a/b", true},
      {"a/%", "a/b/c", false},
      {"a/*", "a/b/c", true},
      {"a*c", "abc", true},
      {"a*c", "ab", false},
      {"%/%", "a/b", true},
      {"inbox", "INBOX", true},
      {"InB*", "INBOX", true},
      {"inbox/%", "INBOX/x", true},
      {"inbox/X", "INBOX/x", false},
      {"", "a", false},
      {"", "", true},
      {"A", "a", false},
      {"*%*", "x/y", true},
      {"%%", "x/y", false},
      {"*/", "x/", true},
      {"in*", "INBOX/x", true},
      {"*B*", "INBOX/x", true},
      {"*b*/x", "INBOX/x", true},
      {"in*", "INBOXES", false},
      {"%/X", "INBOX/x", false},
      {"*inbox/x", "a/INBOX/x", false},
  };
  for (const Case& c : kCases)
    if (matches_pattern(c.pattern, c.name) != c.matches) fail_msg("%s against %s", c.pattern, c.name);
  assert_false(matches_pattern(std::string(1000, '*') + "b", std::string(1000, 'a')));
}

static std::string written(void (*write)(std::string&, std::string_view), std::string_view text) {
  std::string out;
  write(out, text);
  return out;
}

static void writing(void**) {
  assert_text(written(write_string, ""), "\"\"");
  assert_text(written(write_string, "a\"b\\"), "\"a\\\"b\\\\\"");
  assert_text(written(write_string, "a\r\nb"), "{4}\r\na\r\nb");
  assert_text(written(write_string, "\xc3\xa4"), "{2}\r\n\xc3\xa4");
  assert_text(written(write_string, std::string_view("a\0b", 3)), "{2}\r\nab");
  assert_text(written(write_astring, "INBOX"), "INBOX");
  assert_text(written(write_astring, "a b"), "\"a b\"");
  assert_text(written(write_astring, "nil"), "\"nil\"");
  assert_text(written(write_astring, ""), "\"\"");
  assert_text(written(write_text, "a\r\nb\xc3"), "a??b?");
}

int main() {
  const CMUnitTest tests[] = {unit_test(sets),     unit_test(dates),    unit_test(strings), unit_test(flags),
                              unit_test(literals), unit_test(patterns), unit_test(writing)};
  return run_unit_tests(tests);
}
