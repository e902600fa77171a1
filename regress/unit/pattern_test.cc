// lib/pattern: what matches, what is refused, and that no question costs much.
// SPDX-License-Identifier: ISC
#include "lib/pattern/pattern.h"
#include "lib/base/clock.h"

#include "regress/unit/unit.h"

using namespace mailkeep;
using namespace mailkeep::pattern;

namespace {

Outcome match(const std::string& text, std::string_view subject) {
  const auto pattern = Pattern::compile(text);
  if (!pattern) fail_msg("%s: %s", text.c_str(), pattern.error().text.c_str());
  return pattern->match(subject);
}
std::string error_of(const std::string& text) {
  const auto pattern = Pattern::compile(text);
  return pattern ? "" : pattern.error().text;
}

}  // namespace

static void finds(void**) {
  const struct {
    const char *pattern, *subject;
    bool yes;
  } cases[] = {
      {"spam", "notspam@x", true},
      {"^spam", "notspam@x", false},
      {"SPAM$", "a spam", true},
      {"^$", "", true},
      {"^(a|b)+\\.test$", "ab.test", true},
      {"[[:digit:]]{2,3}", "a1b", false},
      {"[0-9]{1,3}(-[0-9]{1,3}){3}", "dsl-10-1-2-3.isp.test", true},
      {"\\.test$", "a.test\n", false},
      {"\xc3\x84", "\xc3\xa4", false},
  };
  for (const auto& c : cases) assert_int_equal(match(c.pattern, c.subject), c.yes ? Outcome::kYes : Outcome::kNo);
}

static void refuses(void**) {
  assert_text(error_of("a(b"), "missing closing parenthesis at byte 4");
  assert_text(error_of("[z-a]"), "range out of order in character class at byte 4");
  assert_text(error_of(""), "an empty pattern");
  assert_text(error_of("a\tb"), "a control byte in a pattern");
  assert_text(error_of(std::string(kMaxPattern, 'a')), "");
  assert_text(error_of(std::string(kMaxPattern + 1, 'a')), "a pattern of 1001 bytes: at most 1000");
  assert_true(error_of(std::string(60, '(') + std::string(60, ')')).find("too deeply") != std::string::npos);
  assert_true(error_of("(*UTF)a").find("UTF") != std::string::npos);
  assert_true(error_of("((a{1,1000}){1,1000}){1,1000}").find("too large") != std::string::npos);
}

// A pattern that backtracks for ever ends soon, as neither yes nor no; nor can it raise its own limits.
static void costs_little(void**) {
  for (const char* evil : {"^(a+)+$", "(*LIMIT_MATCH=4000000000)^(a|aa)+$", "^(a|a?)+$", "(x+x+)+y", "^(.*?,){11}P"}) {
    const Micros start = now_monotonic();
    const std::string subject =
        std::string(evil[0] == '(' && evil[1] == 'x' ? "x" : "") + std::string(400, evil[1] == 'x' ? 'x' : 'a') + "!";
    const Outcome outcome = match(evil, subject);
    assert_true(outcome != Outcome::kYes);
    assert_true(now_monotonic() - start < Millis(500));
  }
  assert_int_equal(match("^(a+)+$", std::string(400, 'a') + "!"), Outcome::kTooMuch);
  assert_int_equal(match("a", std::string(kMaxSubject + 1, 'a')), Outcome::kTooMuch);
}

int main() {
  const CMUnitTest tests[] = {unit_test(finds), unit_test(refuses), unit_test(costs_little)};
  return run_unit_tests(tests);
}
