// queue/remote.h against a pretended relay process.
// SPDX-License-Identifier: ISC
#include "queue/remote.h"

#include <algorithm>
#include <cstring>
#include <set>

#include "queue/content.h"
#include "regress/unit/spool_fixture.h"
#include "regress/unit/unit.h"

using namespace mailkeep;
using namespace mailkeep::queue;
using relay::Outcome;

namespace {

struct Seen {
  uint64_t transfer;
  uint64_t message;
  std::string action, domain, sender, content;
  std::vector<uint32_t> numbers;
  std::vector<std::string> recipients;
};

struct World {
  SpoolDirectory directory;
  std::unique_ptr<Spool> spool = directory.open();
  std::vector<Seen> sent;
  std::vector<std::pair<EnvelopeId, Cause>> failed;
  bool up = true;
  int64_t now = 1000;
  std::unique_ptr<Remote> remote = make();

  std::unique_ptr<Remote> make() {
    auto made = std::make_unique<Remote>(
        *spool,
        Remote::Calls{.send = [this](uint64_t, const relay::Transfer& t) -> std::optional<uint32_t> {
                        if (!up) return std::nullopt;
                        Seen s{t.transfer, t.message, t.action,
                               t.domain,   t.sender,  read_memory_file(t.content.get(), t.size).value_or("unreadable"),
                               {},         {}};
                        for (const auto& r : t.recipients)
                          s.numbers.push_back(r.number), s.recipients.push_back(r.recipient.address);
                        sent.push_back(std::move(s));
                        return 3;
                      },
                      .failed = [this](const Envelope& e, const Cause& cause) { failed.emplace_back(e.id, cause); }});
    made->set_policy({60, 3600, 5000});
    made->set_relays({{"out", false}, {"smart", true}});
    return made;
  }
  void keep(uint64_t id, std::vector<std::string> recipients, bool in_hand, const std::string& action = "",
            int64_t due = 900, const std::string& account = "") {
    Change change;
    Message& m = change.message.emplace();
    m.id = id;
    m.sender = "alice@mk.test";
    change.body = "message " + std::to_string(id);
    m.size = change.body.size();
    m.recipients = static_cast<uint32_t>(recipients.size());
    for (const auto& r : recipients) {
      Envelope& e = change.put.emplace_back();
      e.id = {id, static_cast<uint32_t>(change.put.size() - 1)};
      e.kind = Kind::kRelay;
      e.recipient = e.original = r;
      e.action = action;
      e.account = account;
      e.next_try = due;
      e.expiry = 6000;
    }
    const Change copy = change;
    if (!commit_one(*spool, std::move(change))) fatal("commit");
    if (!in_hand) return;
    const Result<Fd> content = make_memory_file(copy.body);
    for (const Envelope& e : copy.put) remote->add(*copy.message, e, content->get(), now);
  }
  void turn() {
    remote->stage();
    remote->committed(spool->commit());
    remote->pump(now);
  }
  void load() {
    while (remote->load(now)) {
    }
    turn();
  }
  relay::Transferred answer(const Seen& s, Outcome outcome, uint16_t code, bool host_failed = false) {
    relay::Transferred t;
    t.transfer = s.transfer;
    t.host = host_failed ? "" : "mx.x.test [192.0.2.1]:25";
    t.host_failed = host_failed;
    for (const uint32_t n : s.numbers) {
      const std::string status = outcome == Outcome::kDelivered   ? "2.0.0"
                                 : outcome == Outcome::kPermanent ? "5.1.1"
                                                                  : "4.2.1";
      t.results.push_back({n, outcome, code, status, "said so"});
    }
    return t;
  }
  void say(size_t i, Outcome outcome, uint16_t code, bool host_failed = false) {
    const Seen s = sent[i];
    assert_true(remote->transferred(3, answer(s, outcome, code, host_failed), now));
    turn();
  }
};

void grouped_by_destination(void**) {
  World w;
  w.keep(7, {"a@X.test", "b@y.test", "c@x.test"}, true);
  w.keep(8, {"d@y.test", "e@z.test"}, true, "smart");
  w.turn();
  assert_int_equal(w.sent.size(), 3);
  assert_text(w.sent[0].domain, "x.test");
  assert_text(w.sent[0].action, "out");
  assert_text(w.sent[0].sender, "alice@mk.test");
  assert_text(w.sent[0].content, "message 7");
  assert_true(w.sent[0].numbers == (std::vector<uint32_t>{0, 2}));
  assert_text(w.sent[1].domain, "y.test");
  assert_true(w.sent[2].numbers == (std::vector<uint32_t>{0, 1}));  // one way, whatever the domains
  assert_text(w.remote->state_of({7, 0}), "delivering");
  for (size_t i = 0; i < 3; ++i) w.say(i, Outcome::kDelivered, 250);
  assert_int_equal(w.spool->counts().relay, 0);
  assert_int_equal(w.remote->in_memory(), 0);
  assert_int_equal(w.remote->relayed(), 5);
  assert_false(w.spool->unsettled());  // removed durably, with no further message
  assert_false(w.remote->transferred(3, {}, w.now));
}

// An LMTP server is told the account's name; nobody else is, and what names no action does not go there.
void lmtp_is_for_its_own_mail(void**) {
  World w;
  w.remote->set_relays({{"store", true, true}});
  w.keep(7, {"a@x.test"}, true);
  w.keep(8, {"ann.smith@mk.test"}, true, "store", 900, "ann");
  w.turn();
  assert_int_equal(w.sent.size(), 1);
  assert_text(w.sent[0].action + " " + w.sent[0].recipients.at(0), "store ann");
  w.say(0, Outcome::kDelivered, 250);
  w.remote->set_relays({{"store", true, true}, {"out", false, false}});
  w.keep(9, {"ben.smith@mk.test"}, true, "out", 900, "ben");  // an operator has rerouted it
  w.now += 5;
  w.remote->load(w.now);
  w.turn();
  assert_int_equal(w.sent.size(), 3);
  std::set<std::string> seen;
  for (size_t i = 1; i < 3; ++i) seen.insert(w.sent[i].action + " " + w.sent[i].recipients.at(0));
  assert_true(seen == (std::set<std::string>{"out a@x.test", "out ben.smith@mk.test"}));
}

void at_most_a_hundred_a_transfer(void**) {
  World w;
  std::vector<std::string> many;
  for (int i = 0; i < 250; ++i) many.push_back("u" + std::to_string(i) + "@x.test");
  w.keep(7, many, true);
  w.turn();
  assert_int_equal(w.sent.size(), 3);
  assert_int_equal(w.sent[0].numbers.size(), 100);
  assert_int_equal(w.sent[2].numbers.size(), 50);
}

void from_disk_after_a_restart(void**) {
  World w;
  w.keep(7, {"a@x.test"}, false);
  w.keep(8, {"a@x.test"}, false, "", 1500);  // not due
  w.load();
  assert_int_equal(w.sent.size(), 1);
  assert_text(w.sent[0].content, "message 7");
  w.now = 1501;
  w.load();
  assert_int_equal(w.sent.size(), 2);
}

void put_off_and_tried_again(void**) {
  World w;
  w.keep(7, {"a@x.test", "b@x.test"}, true);
  w.turn();
  relay::Transferred t = w.answer(w.sent[0], Outcome::kTemporary, 450);
  t.results[1].outcome = Outcome::kDelivered;
  assert_true(w.remote->transferred(3, t, w.now));
  w.turn();
  assert_int_equal(w.spool->counts().relay, 1);
  const Envelope e = **w.spool->envelope({7, 0});
  assert_int_equal(e.attempts, 1);
  assert_in_range(e.next_try, 1060, 1066);
  assert_text(e.last_error, "mx.x.test [192.0.2.1]:25: 450 4.2.1 said so");
  w.now = 1059;
  w.load();
  assert_int_equal(w.sent.size(), 1);
  w.now = 1070;
  w.load();
  assert_int_equal(w.sent.size(), 2);
  assert_true(w.sent[1].numbers == (std::vector<uint32_t>{0}));
  w.say(1, Outcome::kDelivered, 250);
  assert_int_equal(w.spool->counts().relay, 0);
}

void failures_and_their_words(void**) {
  World w;
  w.keep(7, {"a@x.test"}, true);
  w.turn();
  w.say(0, Outcome::kPermanent, 550);
  assert_int_equal(w.failed.size(), 1);
  assert_text(w.failed[0].second.status, "5.1.1");
  assert_text(w.failed[0].second.text, "550 5.1.1 said so");
  assert_text(w.failed[0].second.remote, "mx.x.test [192.0.2.1]:25");
  assert_text(w.remote->state_of({7, 0}), "failing");
  w.load();  // it is not sent again while it fails
  assert_int_equal(w.sent.size(), 1);
  w.remote->try_again({7, 0}, "no report now", w.now);
  w.turn();
  w.now = 1070;
  w.load();
  assert_int_equal(w.sent.size(), 2);
}

void the_lifetime_ends(void**) {
  World w;
  w.keep(7, {"a@x.test"}, true);
  w.turn();
  w.say(0, Outcome::kTemporary, 450);
  w.now = 6001;
  w.load();
  assert_int_equal(w.sent.size(), 1);
  assert_int_equal(w.failed.size(), 1);
  assert_text(w.failed[0].second.status, "5.4.7");
  assert_true(w.failed[0].second.text.find("450 4.2.1 said so") != std::string::npos);
  assert_text(w.failed[0].second.remote, "");
}

// Few at first, more with every success, fewer when all is put off.
void concurrency_adapts(void**) {
  World w;
  for (uint64_t i = 1; i <= 200; ++i) w.keep(i, {"a@x.test"}, true);
  w.turn();
  assert_int_equal(w.sent.size(), 4);
  for (size_t i = 0; i < 16; ++i) w.say(i, Outcome::kDelivered, 250);
  assert_int_equal(w.remote->in_transfer(), 20);
  for (size_t i = 16; i < 30; ++i) w.say(i, Outcome::kDelivered, 250);
  assert_int_equal(w.remote->in_transfer(), 20);
  const size_t before = w.sent.size();
  for (size_t i = 30; i < 33; ++i) w.say(i, Outcome::kTemporary, 421);
  assert_int_equal(w.sent.size(), before);  // 20 to 2: 17 are under way still
  for (size_t i = 33; i < 50; ++i) w.say(i, Outcome::kDelivered, 250);
  assert_in_range(w.remote->in_transfer(), 2, 8);
}

void a_dead_destination_costs_nothing(void**) {
  World w;
  for (uint64_t i = 1; i <= 600; ++i) w.keep(i, {"a@x.test"}, i % 2 == 0);
  w.keep(1000, {"a@y.test"}, true);
  w.load();
  assert_int_equal(w.sent.size(), 5);
  for (size_t i = 0; i < 5; ++i) {
    if (w.sent[i].domain == "x.test") w.say(i, Outcome::kTemporary, 0, true);
  }
  assert_int_equal(w.remote->in_memory(), 1);  // that of y
  for (int second = 0; second < 58; ++second) {
    ++w.now;
    w.load();
  }
  assert_int_equal(w.sent.size(), 5);
  w.now += 4;
  w.load();
  assert_int_equal(w.sent.size(), 6);  // one probe
  assert_int_equal(w.remote->in_transfer(), 2);
  w.keep(1001, {"a@x.test"}, true);
  w.load();
  assert_int_equal(w.sent.size(), 6);
  w.say(5, Outcome::kTemporary, 0, true);
  w.now += 100;  // the pause has doubled
  w.load();
  assert_int_equal(w.sent.size(), 6);
  w.now += 30;
  w.load();
  assert_int_equal(w.sent.size(), 7);
  // All but the probes have never been tried.
  size_t untried = 0;
  const auto all = w.spool->due_at(Kind::kRelay, "x.test", {}, 1 << 30, 2000);
  for (const Envelope& e : *all) untried += e.attempts == 0 ? 1 : 0;
  assert_int_equal(all->size(), 601);
  assert_int_equal(untried, 601 - 4 - 1);
  // It answers again: everything goes, though most was never in memory.
  w.say(6, Outcome::kDelivered, 250);
  for (size_t i = 7; i < w.sent.size(); ++i) w.say(i, Outcome::kDelivered, 250);
  w.now += 3600;
  w.load();
  for (size_t i = 0; i < w.sent.size(); ++i) {
    const auto t = w.answer(w.sent[i], Outcome::kDelivered, 250);
    (void)w.remote->transferred(3, t, w.now);
    w.turn();
  }
  assert_int_equal(w.spool->counts().relay, 0);
}

void what_waits_for_a_dead_destination_expires(void**) {
  World w;
  for (uint64_t i = 1; i <= 50; ++i) w.keep(i, {"a@x.test"}, false);
  w.load();
  const size_t first = w.sent.size();
  for (size_t i = 0; i < first; ++i) w.say(i, Outcome::kTemporary, 0, true);
  for (w.now = 5000; w.now < 6600 && w.failed.size() < 50; w.now += 10) {
    w.load();
    for (size_t i = first; i < w.sent.size(); ++i) {
      (void)w.remote->transferred(3, w.answer(w.sent[i], Outcome::kTemporary, 0, true), w.now);
      w.turn();
    }
  }
  assert_int_equal(w.failed.size(), 50);
  for (const auto& [id, cause] : w.failed) assert_text(cause.text, "delivery time expired; last: 4.2.1 said so");
}

void the_relay_process_ends(void**) {
  World w;
  w.up = false;
  w.keep(7, {"a@x.test", "b@x.test"}, true);
  w.turn();
  assert_int_equal(w.sent.size(), 0);
  w.up = true;
  w.load();
  assert_int_equal(w.sent.size(), 1);
  for (size_t ends = 1; ends < Remote::kMaxEnds; ++ends) {
    w.remote->relay_down(3, w.now);
    w.turn();
    assert_int_equal(w.sent.size(), ends + 1);
    assert_int_equal(w.sent.back().numbers.size(), 2);
    assert_false(w.remote->transferred(3, w.answer(w.sent[0], Outcome::kDelivered, 250), w.now));  // of a dead one
  }
  w.remote->relay_down(3, w.now);  // poison, perhaps: it is held
  w.turn();
  assert_int_equal(w.remote->in_transfer(), 0);
  assert_int_equal(w.remote->in_memory(), 0);
  for (const uint32_t n : {0U, 1U}) {
    const Envelope e = **w.spool->envelope({7, n});
    assert_true(e.hold == Hold::kQuarantine);
    assert_non_null(strstr(e.last_error.c_str(), "quarantined"));
  }
  assert_int_equal(w.spool->counts().held, 2);
  w.now += 100000;
  w.load();
  assert_int_equal(w.sent.size(), Remote::kMaxEnds);
  w.remote->relay_down(9, w.now);
}

// One message ends the relay process whenever it has it, among many that do not: it alone is held, and the others
// arrive.
void the_poison_among_many(void**) {
  World w;
  constexpr uint64_t kPoison = 17;
  for (uint64_t i = 1; i <= 40; ++i)
    w.keep(i, {"a@" + std::string(i % 2 == 0 ? "x" : "y") + std::to_string(i % 5) + ".test"}, true);
  w.turn();
  size_t told = 0;
  int deaths = 0;
  for (int round = 0; round < 300 && w.spool->counts().relay > 0; ++round) {
    const auto dies = std::find_if(w.sent.begin() + static_cast<std::ptrdiff_t>(told), w.sent.end(),
                                   [](const Seen& s) { return s.message == kPoison; });
    if (dies != w.sent.end()) {
      ++deaths;
      told = w.sent.size();
      w.remote->relay_down(3, w.now);
      w.turn();
      continue;
    }
    for (; told < w.sent.size() && w.sent[told].message != kPoison; ++told) w.say(told, Outcome::kDelivered, 250);
    w.load();
  }
  assert_int_equal(deaths, Remote::kMaxEnds);
  assert_int_equal(w.spool->counts().relay, 0);
  assert_int_equal(w.spool->counts().held, 1);
  assert_true((**w.spool->envelope({kPoison, 0})).hold == Hold::kQuarantine);
}

void the_urgent_first(void**) {
  World w;
  w.up = false;
  for (uint64_t i = 1; i <= 9; ++i) {
    Change change = make_change(i, "x", {""}, 900);
    Envelope& e = change.put.front();
    e.kind = Kind::kRelay;
    e.recipient = e.original = "a@x.test";
    e.expiry = 6000;
    e.priority = i == 4 ? -3 : i == 6 ? 5 : i == 8 ? 9 : 0;
    assert_true(commit_one(*w.spool, std::move(change)));
  }
  w.load();
  w.up = true;
  w.load();
  for (size_t i = 0; i < w.sent.size(); ++i) w.say(i, Outcome::kDelivered, 250);
  std::string order;
  for (const Seen& s : w.sent) order += std::to_string(s.message);
  assert_text(order, "861235794");
}

// Its sender is told once, though a dead host costs its envelopes no attempt.
void a_warning_once(void**) {
  World w;
  w.remote = std::make_unique<Remote>(
      *w.spool, Remote::Calls{.send = [&](uint64_t, const relay::Transfer& t) -> std::optional<uint32_t> {
                                w.sent.push_back({t.transfer, t.message, "", "", "", "", {}, {}});
                                for (const auto& r : t.recipients) w.sent.back().numbers.push_back(r.number);
                                return 3;
                              },
                              .failed = [](const Envelope&, const Cause&) {},
                              .delayed =
                                  [&](const Envelope& e) {
                                    w.failed.emplace_back(e.id, Cause{"", e.last_error, ""});
                                  }});
  w.remote->set_policy({60, 3600, 100000, 300, 2000});
  w.remote->set_relays({{"out", false}});
  for (uint64_t i = 1; i <= 6; ++i) {
    Change change = make_change(i, "x", {""}, 900);
    Envelope& e = change.put.front();
    e.kind = Kind::kRelay;
    e.recipient = e.original = "a@x.test";
    e.expiry = 101000;
    e.warn_at = i == 6 ? 0 : 3000;
    assert_true(commit_one(*w.spool, std::move(change)));
  }
  size_t told = 0;
  for (; w.now < 9000; w.now += 50) {
    w.load();
    for (; told < w.sent.size(); ++told) {
      (void)w.remote->transferred(3, w.answer(w.sent[told], Outcome::kTemporary, 0, true), w.now);
      w.turn();
    }
    if (w.now < 3000) assert_int_equal(w.failed.size(), 0);
  }
  assert_int_equal(w.failed.size(), 5);
  for (const auto& [id, cause] : w.failed) assert_non_null(strstr(cause.text.c_str(), "said so"));
}

void removed_by_hand(void**) {
  World w;
  for (uint64_t i = 1; i <= 6; ++i) w.keep(i, {"a@x.test"}, true);
  w.turn();
  w.remote->forget({5, 0});  // waits
  w.remote->forget({1, 0});  // is under way
  assert_int_equal(w.remote->in_memory(), 4);
  w.say(0, Outcome::kDelivered, 250);
  w.say(1, Outcome::kDelivered, 250);
  w.say(2, Outcome::kDelivered, 250);
  w.say(3, Outcome::kDelivered, 250);
  w.say(4, Outcome::kDelivered, 250);
  assert_int_equal(w.sent.size(), 5);
  assert_int_equal(w.remote->in_memory(), 0);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {unit_test(grouped_by_destination),
                              unit_test(lmtp_is_for_its_own_mail),
                              unit_test(at_most_a_hundred_a_transfer),
                              unit_test(from_disk_after_a_restart),
                              unit_test(put_off_and_tried_again),
                              unit_test(failures_and_their_words),
                              unit_test(the_lifetime_ends),
                              unit_test(concurrency_adapts),
                              unit_test(a_dead_destination_costs_nothing),
                              unit_test(what_waits_for_a_dead_destination_expires),
                              unit_test(the_relay_process_ends),
                              unit_test(removed_by_hand),
                              unit_test(the_poison_among_many),
                              unit_test(the_urgent_first),
                              unit_test(a_warning_once)};
  return run_unit_tests(tests);
}
