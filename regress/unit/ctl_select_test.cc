// smtpd/control/ctl_select.h: what an operator may say to select, and what is refused.
// SPDX-License-Identifier: ISC
#include "smtpd/control/ctl_select.h"

#include "lib/base/text.h"
#include "regress/unit/unit.h"

using namespace mailkeep;
using namespace mailkeep::ctl;

namespace {

constexpr int64_t kNow = 1'000'000'000;

Result<std::vector<queue::Selection>> parse(const std::string& text) {
  const auto words = text.empty() ? std::vector<std::string_view>() : split(text, '|');
  return parse_selections(words, kNow);
}

queue::Selection one(const std::string& text) {
  const auto got = parse(text);
  if (!got) fatal(text + ": " + got.error().text);
  assert_int_equal(got->size(), 1);
  return got->front();
}

void conditions(void**) {
  assert_text(one("sender=<bob@example.net>").sender, "bob@example.net");
  assert_text(one("sender=<>").sender, "<>");
  assert_text(one("recipient=@mk.test").recipient, "@mk.test");
  assert_text(one("domain=@mk.test").domain, "mk.test");
  assert_text(one("account=alice").account, "alice");
  assert_text(one("subject=a = b").subject, "a = b");
  assert_text(one("state=quarantined").state, "quarantined");
  assert_int_equal(one("older=1d12h").before, kNow - 36 * 3600);
  assert_int_equal(one("younger=90m").since, kNow - 5400);
  assert_int_equal(one("older=50w").before, kNow - 50 * 7 * 86400);
}

void sizes_and_all(void**) {
  assert_int_equal(one("larger=10M").larger, 10 << 20);
  assert_int_equal(one("smaller=1500").smaller, 1500);
  assert_int_equal(one("larger=3k").larger, 3072);
  assert_true(one("all").all);
  const auto s = one("sender=a@b.test|larger=1K|older=5m");
  assert_text(s.sender, "a@b.test");
  assert_int_equal(s.larger, 1024);
  assert_int_equal(s.before, kNow - 300);
  assert_false(s.all);
}

void ids(void**) {
  const auto two = parse("00000000000000ff|00000000000000ff.3");
  assert_true(two);
  assert_int_equal(two->size(), 2);
  assert_int_equal((*two)[0].message, 255);
  assert_int_equal((*two)[0].number, UINT32_MAX);
  assert_int_equal((*two)[1].number, 3);
}

void what_is_refused(void**) {
  for (const char* bad : {"",
                          "ff",
                          "everything",
                          "all|sender=a@b.test",
                          "all|00000000000000ff",
                          "00000000000000ff|sender=a@b.test",
                          "sender=",
                          "state=up",
                          "older=5",
                          "older=",
                          "older=m",
                          "older=5m1h",
                          "older=-5m",
                          "older=99999999999999999999s",
                          "older=101y",
                          "older=5300w",
                          "larger=0",
                          "larger=none",
                          "larger=1025T",
                          "larger=5X",
                          "larger=",
                          "larger=99999999999999G",
                          "colour=red",
                          "=x",
                          "-n"}) {
    const auto got = parse(bad);
    if (got) fail_msg("%s was taken", bad);
    assert_false(got.error().text.empty());
  }
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {unit_test(conditions), unit_test(sizes_and_all), unit_test(ids),
                              unit_test(what_is_refused)};
  return run_unit_tests(tests);
}
