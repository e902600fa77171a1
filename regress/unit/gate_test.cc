// smtpd/relay: groups of receivers, their places and pace, what is counted of them, and warm-up.
// SPDX-License-Identifier: ISC
#include "smtpd/relay/gate.h"

#include "regress/unit/unit.h"
#include "smtpd/relay/learned.h"
#include "smtpd/relay/providers.h"
#include "smtpd/relay/scores.h"

using namespace mailkeep;
using namespace mailkeep::relay;

namespace {

Provider limits(uint32_t connections, uint32_t delay = 0) { return {0, "g", {}, connections, delay}; }
bool never(uint64_t) { return false; }
bool always(uint64_t) { return true; }

void groups(void**) {
  Providers p;
  const struct {
    const char* host;
    const char* group;
  } rows[] = {{"aspmx.l.google.com", "google"},
              {"ALT1.gmail-smtp-in.l.GOOGLE.com", "google"},
              {"d-de.mail.protection.outlook.com", "microsoft"},
              {"mta5.am0.yahoodns.net", "yahoo"},
              {"mx01.mail.icloud.com", "icloud"},
              {"mx00.gmx.net", "gmx"},
              {"mx-ha02.web.de", "gmx"},
              {"mx00.kundenserver.de", "gmx"},
              {"mx00.t-online.de", "t-online"},
              {"mxs.mail.ru", "mail.ru"},
              {"mx.example.org", "others"},
              {"notgoogle.com", "others"},
              {"google.com.evil.test", "others"},
              {"", "others"},
              {"192.0.2.1", "others"}};
  for (const auto& r : rows) assert_text(p.find(r.host), r.group);
  p.set({0, "google", {"mx.mine.test"}, 7, 100});
  assert_text(p.find("mx.mine.test"), "google");
  assert_text(p.find("aspmx.l.google.com"), "google");  // what it does not name stays
  assert_int_equal(p.get("google")->connections, 7);
  assert_null(p.get("others"));
  for (const auto& [name, provider] : p.all()) assert_true(provider.connections > 0);
}

void places(void**) {
  Gate g;
  const Provider two = limits(2);
  assert_true(g.enter("g", &two, 1, 0) == Gate::Pass::kGo);
  assert_true(g.enter("g", &two, 2, 0) == Gate::Pass::kGo);
  assert_true(g.enter("g", &two, 3, 0) == Gate::Pass::kWait);
  assert_true(g.enter("other", &two, 9, 0) == Gate::Pass::kGo);
  assert_false(g.next(0, never).has_value());
  g.leave("g");
  auto n = g.next(0, never);
  assert_true(n && n->job == 3 && n->has_place);
  assert_int_equal(g.open("g"), 2);
  // The line is short.
  for (uint64_t job = 10; job < 10 + kLine; job++) assert_true(g.enter("g", &two, job, 0) == Gate::Pass::kWait);
  assert_true(g.enter("g", &two, 50, 0) == Gate::Pass::kFull);
  g.forget(10);
  assert_true(g.enter("g", &two, 51, 0) == Gate::Pass::kWait);
  assert_int_equal(g.waiting(), kLine);
  // An open connection for it needs no place.
  n = g.next(0, always);
  assert_true(n && n->job == 11 && !n->has_place);
  assert_int_equal(g.open("g"), 2);
  g.leave("g"), g.leave("g"), g.leave("g");
  assert_int_equal(g.open("g"), 0);
  // No group's limit: any number.
  for (uint64_t job = 100; job < 200; job++) assert_true(g.enter("free", nullptr, job, 0) == Gate::Pass::kGo);
}

void adapts(void**) {
  Gate g;
  const Provider many = limits(20);
  size_t got = 0;
  while (g.enter("g", &many, got + 1, 0) == Gate::Pass::kGo) got++;  // and one waits
  assert_int_equal(got, static_cast<size_t>(kFirstOpen));
  g.judge("g", false);
  g.judge("g", false);
  g.judge("g", false);
  for (size_t i = 0; i < got; i++) g.leave("g");
  assert_true(g.next(0, never).has_value());
  assert_true(g.is_full("g"));  // one is left
  for (int i = 0; i < 1000; i++) g.judge("g", true);
  assert_false(g.is_full("g"));
  for (size_t i = 0; i < 100; i++) {
    g.enter("g", &many, 1000 + i, 0);
    g.next(0, never);
  }
  assert_int_equal(g.open("g"), 20);  // never above the group's own
}

void pace(void**) {
  Gate g;
  const Provider slow = limits(5, 100);
  assert_true(g.enter("g", &slow, 1, 1000) == Gate::Pass::kGo);
  assert_true(g.enter("g", &slow, 2, 1050) == Gate::Pass::kWait);
  assert_false(g.start("g", 1099));
  assert_int_equal(g.wait(1050, never).value(), 50);
  assert_false(g.next(1099, never).has_value());
  assert_true(g.next(1100, never).has_value());
  assert_true(g.start("g", 1200));
  assert_false(g.start("g", 1299));
  assert_false(g.wait(1300, never).has_value());  // nobody waits
  assert_true(g.start("nobody", 0));
}

relay::Result result(Outcome outcome, uint16_t code = 250, const char* enhanced = "2.0.0", const char* text = "") {
  relay::Result r;
  r.outcome = outcome;
  r.code = code;
  r.enhanced = enhanced;
  r.text = text;
  return r;
}

constexpr int64_t kNow = 20'000 * 86400LL + 3600;

void scores(void**) {
  Scores s;
  s.count("google", result(Outcome::kDelivered), kNow - 86400 * 7);
  s.count("google", result(Outcome::kPermanent, 550, "5.1.1"), kNow - 86400);
  for (int i = 0; i < 3; i++) s.count("google", result(Outcome::kDelivered), kNow);
  s.count("google", result(Outcome::kTemporary, 450, "4.2.0", "Greylisted"), kNow);
  s.count("google", result(Outcome::kHeld), kNow);
  s.hold("google", 5, kNow);
  const auto report = s.report(kNow);
  assert_int_equal(report.size(), 1);
  assert_int_equal(report[0].today.accepted, 3);
  assert_int_equal(report[0].today.deferred, 1);
  assert_int_equal(report[0].today.causes.at(0).cause, static_cast<unsigned>(smtp::Cause::kGreylisted));
  assert_int_equal(report[0].held, 5);
  assert_int_equal(report[0].before.accepted, 1);
  assert_int_equal(report[0].before.rejected, 1);
  // Kept and given back, days apart stay apart.
  Scores again;
  again.count("google", result(Outcome::kDelivered), kNow);
  for (auto& kept : s.take_scores()) again.restore(std::move(kept));
  assert_int_equal(again.report(kNow)[0].today.accepted, 4);
  assert_int_equal(s.take_scores().size(), 0);
  // Old ones fall out.
  for (int day = 0; day < 20; day++) s.count("yahoo", result(Outcome::kDelivered), kNow + day * 86400);
  for (const auto& kept : s.take_scores()) assert_int_equal(kept.days.size(), kScoreDays);
  assert_int_equal(s.report(kNow + 19 * 86400).back().before.accepted, 7);
  for (int i = 0; i < 1000; i++) s.count("p" + std::to_string(i), result(Outcome::kDelivered), kNow);
  assert_true(s.report(kNow).size() <= kMaxScored + 1);
}

void warming_up(void**) {
  Scores s;
  assert_int_equal(s.room("a", "google", 50, kNow), 50);
  assert_int_equal(s.room("a", "others", 50, kNow), 200);
  s.use("a", "google", 50);
  assert_int_equal(s.room("a", "google", 50, kNow), 0);
  assert_int_equal(s.room("b", "google", 50, kNow), 50);  // another source
  s.use("b", "google", 2);
  s.use("b", "google", -3);
  assert_int_equal(s.room("b", "google", 50, kNow), 50);
  assert_text(s.describe("a", "google"), "50 of 50 recipients today from a");
  // A good day doubles it.
  assert_int_equal(s.room("a", "google", 50, kNow + 86400), 100);
  s.use("a", "google", 100);
  s.put_off("a", "google", 40);
  assert_int_equal(s.room("a", "google", 50, kNow + 2 * 86400), 50);  // a bad one halves it
  s.use("a", "google", 50);
  s.put_off("a", "google", 10);
  assert_int_equal(s.room("a", "google", 50, kNow + 3 * 86400), 50);  // neither
  // Kept over a restart.
  Scores again;
  s.use("a", "google", 20);
  for (auto& w : s.take_warm_ups()) again.restore(std::move(w));
  assert_int_equal(again.room("a", "google", 50, kNow + 3 * 86400), 30);
  // In the end there is no limit.
  int64_t day = kNow + 4 * 86400;
  for (int i = 0; i < 14; i++, day += 86400) {
    const uint32_t room = s.room("a", "google", 50, day);
    if (room != UINT32_MAX) s.use("a", "google", room);
  }
  assert_int_equal(s.room("a", "google", 50, day), UINT32_MAX);
  // A day without mail says nothing.
  assert_int_equal(next_cap({"", "", 0, 80, 0, 0}, 50), 80);
  assert_int_equal(next_cap({"", "", 0, 80, 79, 79}, 50), 50);
}

void learned(void**) {
  LearnedBook b;
  for (uint32_t i = 0; i < kLearnedSessions; i++) b.note("d", true, kNow + i);
  assert_false(b.is_learned("d"));  // often, but not for long
  b.note("d", true, kNow + kLearnedTime);
  assert_true(b.is_learned("d"));
  assert_false(b.is_learned("other"));
  // Kept, and given back: what came meanwhile is on top.
  LearnedBook again;
  again.note("d", true, kNow + kLearnedTime + 5);
  for (auto& l : b.take_changed()) again.restore(std::move(l));
  assert_true(again.is_learned("d"));
  again.note("d", false, kNow + kLearnedTime + 6);
  assert_false(again.is_learned("d"));
  assert_true(again.describe("d").find("not verified") != std::string::npos);
  LearnedBook broken;
  broken.note("d", false, kNow);
  for (auto& l : again.take_changed()) broken.restore(std::move(l));
  assert_false(broken.is_learned("d"));
  for (size_t i = 0; i < kMaxLearned + 10; i++) {
    b.note("x" + std::to_string(i), true, kNow);
    if (i % 1000 == 0) b.take_changed();
  }
  assert_true(b.take_changed().size() <= kMaxLearned);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {unit_test(groups), unit_test(places),     unit_test(adapts), unit_test(pace),
                              unit_test(scores), unit_test(warming_up), unit_test(learned)};
  return run_unit_tests(tests);
}
