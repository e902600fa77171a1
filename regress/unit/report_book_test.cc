// smtpd/relay/report_book.h and report_uri.h: when a report goes out, how often it is tried, and where to.
// SPDX-License-Identifier: ISC
#include "smtpd/relay/report_book.h"

#include <algorithm>

#include "regress/unit/unit.h"
#include "smtpd/relay/report_uri.h"

using namespace mailkeep;
using namespace mailkeep::relay;

namespace {

constexpr int64_t kDay = 86400;
constexpr int64_t kMidnight = 1'700'006'400;  // a UTC midnight

void uris(void**) {
  const auto show = [](const std::vector<std::string>& texts) {
    std::string out;
    for (const auto& u : parse_rua(texts))
      out += "[" + (u.address.empty() ? u.host + " " + std::to_string(u.port) + " " + u.path : u.address) + "]";
    return out;
  };
  const auto one = [&](const std::string& uri) { return show({"v=TLSRPTv1; rua=" + uri}); };
  assert_text(one("mailto:a@b.test"), "[a@b.test]");
  assert_text(show({"x", "v=TLSRPTv1;rua=https://b.test/x,mailto:a@b.test, mailto:c@d.test!10m;"}),
              "[b.test 443 /x][a@b.test][c@d.test]");
  assert_text(one("https://B.Test"), "[b.test 443 /]");
  assert_text(one("HTTPS://b.test:443/"), "[b.test 443 /]");
  assert_text(one("https://b.test:8443?k=v&x#fragment"), "[b.test 8443 /?k=v&x]");
  assert_text(one("https://b.test:/v1"), "[b.test 443 /v1]");
  assert_text(one("https://b.test/a/b%2c?c=1"), "[b.test 443 /a/b%2c?c=1]");
  assert_text(one("mailto:a@b.test,mailto:a@b.test,https://b.test/,https://b.test/"), "[a@b.test][b.test 443 /]");
  for (const std::string none : {"http://b.test/",
                                 "https://",
                                 "https:///x",
                                 "https://user@b.test/",
                                 "https://user:x@b.test/",
                                 "https://127.0.0.1/",
                                 "https://[::1]/",
                                 "https://localhost/",
                                 "https://b.test:0/",
                                 "https://b.test:65536/",
                                 "https://b.test:x/",
                                 "https://b.test/a b",
                                 "https://b.test/a\r\nHost: x",
                                 "https://b.test\r\n/",
                                 "https://-b.test/",
                                 "https://b..test/",
                                 "https://b.test/\xc3\xbc",
                                 "https://b.test\\@c.test/",
                                 "mailto:nobody",
                                 "mailto:a@b.test\r\nBcc: x",
                                 "ftp://b.test/"}) {
    if (!one(none).empty()) fail_msg("%s gives %s", none.c_str(), one(none).c_str());
  }
  assert_text(one("https://b.test/" + std::string(kMaxRuaText, 'x')), "");
  assert_text(one("mailto:a@b.test,mailto:b@b.test,mailto:c@b.test,mailto:d@b.test,mailto:e@b.test"),
              "[a@b.test][b@b.test][c@b.test][d@b.test]");
  for (const std::vector<std::string>& none :
       {std::vector<std::string>{},
        {"v=TLSRPTv1"},
        {"rua=mailto:a@b.test; v=TLSRPTv1"},
        {"v=TLSRPTv2; rua=mailto:a@b.test"},
        {"v=TLSRPTv1; rua=mailto:a@b.test", "v=TLSRPTv1; rua=mailto:c@d.test"}}) {
    assert_text(show(none), "");
  }
}

// A period is a whole day, and its report goes out in the first four hours of the next.
void periods(void**) {
  ReportBook book;
  assert_null(book.count("a.test", kMidnight));  // no interval yet
  book.set_interval(kDay);
  ++book.count("a.test", kMidnight)->good;
  ++book.count("a.test", kMidnight + kDay - 1)->good;
  ++book.count("a.test", kMidnight + kDay)->good;
  assert_int_equal(book.size(), 2);
  assert_false(book.begin(kMidnight + kDay - 1).has_value());
  const int64_t at = book.next().value();
  assert_true(at >= kMidnight + kDay && at < kMidnight + kDay + kDay / 6);
  assert_false(book.begin(at - 1).has_value());
  const auto key = book.begin(at);
  assert_true(key.has_value() && *key == ReportBook::Key(kMidnight, "a.test"));
  assert_int_equal(book.find(*key)->report.good, 2);
  assert_int_equal(book.find(*key)->until, kMidnight + kDay);
  assert_false(book.begin(at).has_value());  // under way
  book.finish(*key);
  assert_null(book.find(*key));
  assert_int_equal(book.size(), 1);
  book.set_interval(0);
  assert_int_equal(book.size(), 0);
  assert_false(book.next().has_value());
}

void tried_for_a_day(void**) {
  ReportBook book;
  book.set_interval(kDay);
  book.count("a.test", kMidnight);
  std::vector<int64_t> waits;
  const int64_t first = book.next().value();
  int64_t now = first;
  for (;;) {
    const auto key = book.begin(now);
    assert_true(key.has_value());
    book.served(*key, "mailto:x@a.test");
    if (!book.put_off(*key, now)) break;
    assert_true(book.put_off(*key, now));  // it is not under way: no second time
    assert_false(book.begin(now).has_value());
    waits.push_back(book.next().value() - now);
    now = book.next().value();
  }
  assert_int_equal(book.size(), 0);
  assert_true(now <= first + kReportPatience && now > first + kReportPatience - kMaxReportRetry);
  assert_int_equal(waits.front(), kReportRetry);
  for (size_t i = 1; i < waits.size(); i++) assert_int_equal(waits[i], std::min(2 * waits[i - 1], kMaxReportRetry));
  assert_true(waits.size() < 20);
}

// With a short interval the first retry is no later than it.
void short_interval(void**) {
  ReportBook book;
  book.set_interval(5);
  book.count("a.test", 1000);
  const auto key = book.begin(1006);
  assert_true(key.has_value());
  assert_true(book.put_off(*key, 1006));
  assert_int_equal(book.next().value(), 1011);
}

void bounded(void**) {
  ReportBook book;
  book.set_interval(kDay);
  for (size_t i = 0; i < kMaxReported; i++) assert_non_null(book.count(std::to_string(i), kMidnight));
  assert_null(book.count("one more", kMidnight));
  assert_non_null(book.count("0", kMidnight));
  size_t begun = 0;
  while (book.begin(kMidnight + 2 * kDay)) begun++;
  assert_int_equal(begun, kMaxReported);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {unit_test(uris), unit_test(periods), unit_test(tried_for_a_day),
                              unit_test(short_interval), unit_test(bounded)};
  return run_unit_tests(tests);
}
