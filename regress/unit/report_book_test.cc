// smtpd/relay/report_book.h and report_uri.h: when a report goes out, how often it is tried, and where to.
// SPDX-License-Identifier: ISC
#include "smtpd/relay/report_book.h"

#include <algorithm>

#include "lib/base/limits.h"
#include "lib/imsg/codec.h"
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

// --- on disk ---------------------------------------------------------------------------------------

// The notes of a queue.
struct Disk {
  void take(const ReportBook::Notes& notes) {
    for (const auto& [slot, value] : notes) {
      assert_true(value.size() <= kMaxValue && slot < kReportSlots);
      if (value.empty()) {
        values.erase(slot);
      } else {
        values[slot] = value;
      }
    }
  }
  ReportBook read(int64_t now) const {
    ReportBook book;
    book.set_interval(kDay);
    for (const auto& [slot, value] : values) book.restore(slot, value, now);
    return book;
  }
  static constexpr size_t kMaxValue = 60 * 1024;  // queue::kMaxNoteValue
  std::map<size_t, std::string> values;
};

void count(ReportBook& book, const std::string& domain, int64_t now, int failures = 0, size_t length = 10) {
  DomainReport* r = book.count(domain, now);
  assert_non_null(r);
  count_good(*r, TlsPolicy(), nullptr);
  for (int i = 0; i < failures; i++)
    count_bad(*r, TlsPolicy(), nullptr, {"validation-failure", std::to_string(i), std::string(length, 'x')});
}

void read_back(void**) {
  Disk disk;
  ReportBook book;
  book.set_interval(kDay);
  count(book, "a.test", kMidnight, 3);
  count(book, "b.test", kMidnight + kDay);
  assert_true(book.is_changed());
  disk.take(book.changed());
  assert_false(book.is_changed());
  assert_true(book.changed().empty());
  ReportBook again = disk.read(kMidnight + kDay);
  assert_false(again.is_changed());
  assert_int_equal(again.size(), 2);
  const ReportKey key(kMidnight, "a.test");
  assert_text(report_json({"m", key.first, again.find(key)->until}, "a.test", again.find(key)->report),
              report_json({"m", key.first, book.find(key)->until}, "a.test", book.find(key)->report));
  assert_int_equal(again.next().value(), book.next().value());
  // The tries, and what has been served, are known too.
  const int64_t at = book.next().value();
  assert_true(again.begin(at).value() == key);
  again.served(key, "mailto:x@a.test");
  assert_true(again.put_off(key, at));
  disk.take(again.changed(key));
  ReportBook third = disk.read(at);
  assert_true(third.is_served(key, "mailto:x@a.test"));
  assert_false(third.is_served(key, "https://a.test/"));
  assert_int_equal(third.find(key)->next_try, at + kReportRetry);
  assert_int_equal(third.find(key)->first_try, at);
  // What is done leaves nothing behind.
  third.finish(key);
  third.finish({kMidnight + kDay, "b.test"});
  disk.take(third.changed());
  assert_true(disk.values.empty());
}

// Before the notes have been read a new process counts already.
void counted_meanwhile(void**) {
  Disk disk;
  ReportBook book;
  book.set_interval(kDay);
  count(book, "a.test", kMidnight, 2);
  disk.take(book.changed());
  ReportBook next;
  next.set_interval(kDay);
  count(next, "a.test", kMidnight + 5, 1);
  for (const auto& [slot, value] : disk.values) next.restore(slot, value, kMidnight + 6);
  const DomainReport& r = next.find({kMidnight, "a.test"})->report;
  assert_int_equal(r.good, 2);
  uint64_t bad = 0;
  for (const auto& [f, n] : r.failures) bad += n;
  assert_int_equal(bad, 3);
  assert_true(next.is_changed());
  disk.take(next.changed());
  assert_int_equal(disk.read(kMidnight + 7).find({kMidnight, "a.test"})->report.good, 2);
}

// As many domains as may be, some of them with all the failures that may be: nothing is lost, no note is too large, and
// one change writes one note.
void many(void**) {
  Disk disk;
  ReportBook book;
  book.set_interval(kDay);
  for (int round = 0; round < 3; round++) {
    for (size_t i = 0; i < kMaxReported; i++)
      count(book, std::to_string(i) + ".example.test", kMidnight + round, i % 1000 == 7 ? 40 * (round + 1) : 0, 150);
    disk.take(book.changed());
    assert_false(book.is_changed());
  }
  ReportBook again = disk.read(kMidnight + 9);
  assert_int_equal(again.size(), kMaxReported);
  for (size_t i = 0; i < kMaxReported; i++) {
    const ReportKey key(kMidnight, std::to_string(i) + ".example.test");
    assert_int_equal(again.find(key)->report.good, 3);
    assert_true(again.find(key)->report.failures == book.find(key)->report.failures);
  }
  assert_false(again.is_changed());
  count(again, "3.example.test", kMidnight + 9);
  assert_int_equal(again.changed().size(), 1);
  again.set_interval(0);
  disk.take(again.changed());
  assert_true(disk.values.empty());
}

// The largest that an entry may be: it fits a note of its own.
void largest(void**) {
  Disk disk;
  ReportBook book;
  book.set_interval(kDay);
  const StsPolicy sts = {StsMode::kEnforce, std::vector<std::string>(100, std::string(250, 'h'))};
  count(book, "b.test", kMidnight);
  count_good(*book.count("a.test", kMidnight), TlsPolicy(), &sts);
  for (int i = 0; i < 200; i++)
    count_bad(*book.count("a.test", kMidnight), TlsPolicy(), &sts,
              {"validation-failure", std::to_string(i) + std::string(400, 'm'), std::string(400, 'x')});
  for (size_t i = 0; i < 2 * kMaxServed; i++)
    book.served({kMidnight, "a.test"}, std::to_string(i) + std::string(kMaxRuaText - 4, 'u'));
  disk.take(book.changed());
  assert_int_equal(disk.values.size(), 2);
  assert_int_equal(disk.read(kMidnight).size(), 2);
  assert_true(book.is_served({kMidnight, "a.test"}, "mailto:one@more.test"));  // it has had enough
}

// A crash while an entry moved: it is in two notes. It is counted once.
void twice_on_disk(void**) {
  Disk disk;
  ReportBook book;
  book.set_interval(kDay);
  count(book, "a.test", kMidnight);
  disk.take(book.changed());
  const std::string old = disk.values[0];
  count(book, "a.test", kMidnight + 1);
  disk.take(book.changed());
  for (const bool is_old_first : {true, false}) {
    Disk both;
    both.values[is_old_first ? 0 : 1] = old;
    both.values[is_old_first ? 1 : 0] = disk.values[0];
    ReportBook again = both.read(kMidnight + 2);
    assert_int_equal(again.size(), 1);
    assert_int_equal(again.find({kMidnight, "a.test"})->report.good, 2);
    both.take(again.changed());
    assert_int_equal(both.values.size(), 1);
  }
}

// A note as nobody here writes it: of a.test, with these times and that policy.
std::string note_of(int64_t from, int64_t until, int64_t first_try, const std::vector<std::string>& policy) {
  imsg::Encoder e;
  e.num(uint32_t{1});
  e.i64(from);
  e.text("a.test", kMaxDomain);
  e.i64(until);
  e.text("sts", kMaxPolicyType);
  e.texts(policy, kMaxPolicyLines, kMaxPolicyBytes);
  e.texts({}, kMaxPolicyLines, kMaxPolicyBytes);
  e.num(uint64_t{1});
  e.num(uint32_t{0});  // failures
  e.texts({}, kMaxServed, kMaxRuaText);
  e.num(uint32_t{1});
  e.i64(first_try);
  e.i64(0);
  return e.bytes();
}

// What comes from disk has room beside what was counted meanwhile, however large it is.
void larger_than_ours(void**) {
  Disk disk;
  ReportBook book;
  book.set_interval(kDay);
  for (size_t i = 0; i < kMaxFailureKinds; i++)
    count_bad(*book.count("a.test", kMidnight), TlsPolicy(), nullptr,
              {"validation-failure", std::to_string(i) + std::string(70, 'm'), std::string(200, 'x')});
  // As if no session had said what the policy is.
  book.count("a.test", kMidnight)->policy_type.clear();
  book.restore(0, note_of(kMidnight, kMidnight + kDay, 0, std::vector<std::string>(6, std::string(8000, 'p'))),
               kMidnight);
  assert_int_equal(book.find({kMidnight, "a.test"})->report.failures.size(), kMaxFailureKinds);
  assert_int_equal(book.find({kMidnight, "a.test"})->report.policy.size(), 1);
  book.change_all();
  disk.take(book.changed());
  assert_int_equal(disk.values.size(), 1);
}

void impossible_times(void**) {
  constexpr int64_t kLast = INT64_MAX, kFirst = INT64_MIN;
  for (const auto& [from, until] : {std::pair{kMidnight, kLast},
                                    {kFirst, kLast},
                                    {kFirst, kFirst + 1},
                                    {kLast - 1, kLast},
                                    {kMidnight, kMidnight},
                                    {kMidnight, kMidnight + 9 * kDay}}) {
    ReportBook book;
    book.set_interval(kDay);
    book.restore(0, note_of(from, until, 0, {}), kMidnight);
    assert_int_equal(book.size(), 0);
  }
  ReportBook book;
  book.set_interval(kDay);
  book.restore(0, note_of(kMidnight, kMidnight + kDay, kLast, {}), kMidnight);
  const auto key = book.begin(kMidnight + 2 * kDay);
  assert_true(key.has_value());
  // A day after the latest that its first try can have been it is given up.
  assert_false(book.put_off(*key, kMidnight + 20 * kDay));
}

void what_is_no_note(void**) {
  Disk disk;
  ReportBook book;
  book.set_interval(kDay);
  count(book, "a.test", kMidnight, 2);
  disk.take(book.changed());
  const std::string good = disk.values[0];
  for (size_t n = 0; n < good.size(); n++) {
    ReportBook again;
    again.set_interval(kDay);
    again.restore(0, good.substr(0, n), kMidnight);
    assert_int_equal(again.size(), 0);
  }
  ReportBook late = disk.read(kMidnight + 30 * kDay);  // of long ago
  assert_int_equal(late.size(), 0);
  disk.take(late.changed());
  assert_true(disk.values.empty());
  ReportBook early;
  early.set_interval(kDay);
  early.restore(0, good, kMidnight - 30 * kDay);  // of a clock that was wrong
  assert_int_equal(early.size(), 0);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {unit_test(uris),
                              unit_test(periods),
                              unit_test(tried_for_a_day),
                              unit_test(short_interval),
                              unit_test(bounded),
                              unit_test(read_back),
                              unit_test(counted_meanwhile),
                              unit_test(many),
                              unit_test(largest),
                              unit_test(twice_on_disk),
                              unit_test(what_is_no_note),
                              unit_test(larger_than_ours),
                              unit_test(impossible_times)};
  return run_unit_tests(tests);
}
