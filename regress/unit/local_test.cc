// queue/local.h against pretended `user` processes.
// SPDX-License-Identifier: ISC
#include "queue/local.h"

#include <map>
#include <set>

#include "queue/content.h"
#include "regress/unit/spool_fixture.h"
#include "regress/unit/unit.h"

using namespace mailkeep;
using namespace mailkeep::queue;

namespace {

struct World {
  SpoolDirectory directory;
  std::unique_ptr<Spool> spool = directory.open();
  std::map<std::string, int> asked;
  std::vector<std::pair<uint32_t, EnvelopeId>> delivered;
  std::vector<std::string> contents;
  std::vector<std::pair<EnvelopeId, std::string>> failed;
  std::vector<EnvelopeId> rerouted;
  std::unique_ptr<Local> local = make();
  int64_t now = 1000;

  std::unique_ptr<Local> make() {
    auto made = std::make_unique<Local>(
        *spool, Local::Calls{.need_user = [this](const std::string& account) { ++asked[account]; },
                             .deliver =
                                 [this](uint32_t user, const user::Deliver& d) {
                                   delivered.emplace_back(user, d.envelope);
                                   contents.push_back(read_memory_file(d.content.get(), d.size).value_or("unreadable"));
                                   return true;
                                 },
                             .failed = [this](const Envelope& e, const std::string& status, const std::string&,
                                              uint32_t) { failed.emplace_back(e.id, status); },
                             .reroute = [this](const Envelope& e) { rerouted.push_back(e.id); }});
    made->set_policy({60, 3600, 5000});
    return made;
  }
  void keep(Change change, bool in_hand) {
    for (Envelope& e : change.put) e.expiry = 5000;
    const Change copy = change;
    if (!commit_one(*spool, std::move(change))) fatal("commit");
    if (!in_hand) return;
    const Result<Fd> content = make_memory_file(copy.body);
    for (const Envelope& e : copy.put) local->add(*copy.message, e, content->get());
  }
  void turn() {
    local->stage();
    local->committed(spool->commit());
  }
  void store(uint32_t user, EnvelopeId id, uint64_t sequence) {
    Stored s;
    s.envelope = id;
    s.sequence = sequence;
    assert_true(local->stored(user, s));
  }
  void reject(uint32_t user, EnvelopeId id, bool temporary) {
    Rejected r;
    r.envelope = id;
    r.temporary = temporary;
    r.enhanced = temporary ? "4.2.2" : "5.2.2";
    r.text = "full";
    assert_true(local->rejected(user, r, now));
  }
};

// One message ends the account's process whenever it has it: it alone is held, and what stands around it arrives.
void the_poison_among_many(void**) {
  World w;
  constexpr uint64_t kPoison = 17;
  for (uint64_t i = 1; i <= 100; ++i) w.keep(make_change(i, "x", {"alice"}, 100), true);
  uint32_t user = 1;
  w.local->user_up(user, "alice");
  size_t told = 0;
  int deaths = 0;
  uint64_t sequence = 0;
  for (int round = 0; round < 3000 && w.spool->counts().local > 0; ++round) {
    bool died = false;
    for (; told < w.delivered.size() && !died; ++told) {
      if (w.delivered[told].first != user) continue;
      const EnvelopeId id = w.delivered[told].second;
      died = id.message == kPoison;
      if (!died) w.store(user, id, ++sequence);
    }
    if (died) {
      ++deaths;
      w.local->user_down(user);
      usleep(100 * 1000 << std::min(deaths - 1, 3));  // the pause before it is asked for again
      w.local->load(w.now);
      w.local->user_up(++user, "alice");
    } else {
      w.local->durable(user, sequence);
    }
    w.turn();
  }
  assert_in_range(deaths, Local::kMaxEnds, Local::kMaxEnds + 1);
  assert_int_equal(w.spool->counts().local, 0);
  assert_int_equal(w.spool->counts().held, 1);
  assert_true((**w.spool->envelope({kPoison, 0})).hold == Hold::kQuarantine);
}

// A thousand accounts are asked for at once, and their processes start a few at a time: nobody is asked for twice while
// the parent goes on answering. Else its second answer would end the first one's deliveries.
void the_parent_is_not_pressed(void**) {
  World w;
  for (uint64_t i = 1; i <= 3; ++i)
    w.keep(make_change(i, "x", {i == 1 ? "alice" : i == 2 ? "bob" : "carol"}, 100), true);
  assert_int_equal(w.asked["carol"], 1);
  const Micros start = now_monotonic();
  w.local->shift_clock(start - Seconds(11));  // all were asked 11 s ago, as far as it knows
  w.local->user_up(1, "alice");
  w.local->load(w.now);
  assert_int_equal(w.asked["bob"], 1);
  assert_int_equal(w.asked["carol"], 1);
  w.local->shift_clock(start - Seconds(11));  // and nothing came since
  w.local->load(w.now);
  assert_int_equal(w.asked["carol"], 2);
}

void the_way_of_an_envelope(void**) {
  World w;
  w.keep(make_change(7, "hello", {"alice"}, 1000), true);
  assert_int_equal(w.asked["alice"], 1);
  assert_true(w.delivered.empty());
  w.local->user_up(3, "alice");
  assert_int_equal(w.delivered.size(), 1);
  assert_int_equal(w.delivered[0].first, 3);
  assert_text(w.contents[0], "hello");
  assert_text(w.local->state_of({7, 0}), "delivering");
  w.store(3, {7, 0}, 50);
  assert_text(w.local->state_of({7, 0}), "stored");
  w.local->durable(3, 49);
  w.turn();
  assert_int_equal(w.spool->counts().local, 1);
  w.local->durable(3, 50);
  w.turn();
  assert_int_equal(w.spool->counts().local, 0);
  assert_int_equal(w.local->in_memory(), 0);
  w.local->load(2000);
  assert_int_equal(w.delivered.size(), 1);
}

void what_was_not_durable_is_delivered_again(void**) {
  World w;
  w.local->user_up(1, "alice");
  for (uint64_t i = 1; i <= 3; ++i) w.keep(make_change(i, "x", {"alice"}, 1000), true);
  w.store(1, {1, 0}, 5);
  w.store(1, {2, 0}, 6);
  w.local->durable(1, 5);
  w.turn();
  w.local->user_down(1);
  usleep(150 * 1000);
  w.local->load(1000);
  assert_int_equal(w.asked["alice"], 1);
  w.local->user_up(2, "alice");
  assert_int_equal(w.delivered.size(), 4);  // the third was in hand when the process ended: it goes alone
  w.store(2, {2, 0}, 6);
  assert_int_equal(w.delivered.size(), 5);
  assert_true(w.delivered[3].second == (EnvelopeId{2, 0}) && w.delivered[4].second == (EnvelopeId{3, 0}));
  assert_text(w.contents[4], "x");
  w.store(2, {3, 0}, 7);
  w.local->durable(2, 7);
  w.turn();
  assert_int_equal(w.spool->counts().local, 0);
}

void answers_of_others_count_nothing(void**) {
  World w;
  w.local->user_up(1, "alice");
  w.local->user_up(2, "bob");
  w.keep(make_change(7, "x", {"alice"}, 1000), true);
  Stored s;
  s.envelope = {7, 0};
  assert_false(w.local->stored(2, s));
  assert_false(w.local->stored(9, s));
  Rejected r;
  r.envelope = {7, 0};
  assert_false(w.local->rejected(2, r, 1000));
  w.store(1, {7, 0}, 1);
  assert_false(w.local->stored(1, s));
  w.local->durable(2, 100);
  w.turn();
  assert_int_equal(w.spool->counts().local, 1);
}

void refusals(void**) {
  World w;
  w.local->user_up(1, "alice");
  w.keep(make_change(7, "x", {"alice"}, 1000), true);
  w.keep(make_change(8, "x", {"alice"}, 1000), true);
  w.reject(1, {7, 0}, true);
  w.reject(1, {8, 0}, false);
  assert_int_equal(w.failed.size(), 1);
  assert_text(w.failed[0].second, "5.2.2");
  w.turn();
  const Envelope e = w.spool->envelope({7, 0})->value();
  assert_int_equal(e.attempts, 1);
  assert_text(e.last_error, "4.2.2 full");
  assert_true(e.next_try >= 1060 && e.next_try <= 1066);
  w.local->load(1050);
  assert_int_equal(w.delivered.size(), 2);
  w.local->load(1070);
  assert_int_equal(w.delivered.size(), 3);
  w.now = 6000;  // past its expiry
  w.reject(1, {7, 0}, true);
  assert_int_equal(w.failed.size(), 2);
  assert_text(w.failed[1].second, "5.4.7");
}

void no_process_for_the_account(void**) {
  World w;
  w.keep(make_change(7, "x", {"alice"}, 1000), true);
  w.keep(make_change(8, "x", {"bob"}, 1000), true);
  w.local->user_failed("alice", false, "cannot start", 1000);
  w.local->user_failed("bob", true, "no such account", 1000);
  w.turn();
  assert_int_equal(w.spool->envelope({7, 0})->value().attempts, 1);
  assert_text(w.failed.at(0).second, "5.1.1");
}

void an_envelope_without_account_is_routed_again(void**) {
  World w;
  w.keep(make_change(7, "x", {""}, 1000), true);
  w.local->load(1002);
  w.local->load(1003);
  assert_int_equal(w.rerouted.size(), 1);
}

// A long backlog of one account holds up nobody, fits in bounded memory, and each envelope goes out once.
void a_backlog(void**) {
  World w;
  constexpr uint64_t kMany = 3000;
  for (uint64_t i = 1; i <= kMany; ++i) {
    w.spool->stage(make_change(i, "x", {"alice"}, 900));
    if (i % 500 == 0) w.spool->commit();
  }
  w.keep(make_change(9001, "x", {"bob"}, 901), false);
  w.local = w.make();
  w.local->user_up(1, "alice");
  w.local->user_up(2, "bob");
  size_t done = 0;
  uint64_t sequence = 0;
  std::set<EnvelopeId> seen;
  bool bob_had_his = false;
  for (int round = 0; round < 400 && seen.size() < kMany + 1; ++round) {
    w.local->load(1000);
    assert_true(w.local->in_memory() <= Local::kWaitingEach + Local::kHandedEach + Local::kStoredEach + 300);
    const size_t until = w.delivered.size();
    for (; done < until; ++done) {
      const auto [user, id] = w.delivered[done];
      assert_true(seen.insert(id).second);
      if (user == 2) bob_had_his = seen.size() < kMany;
      w.store(user, id, ++sequence);
      w.local->durable(user, sequence);
    }
    w.turn();
  }
  assert_int_equal(seen.size(), kMany + 1);
  assert_true(bob_had_his);
  assert_int_equal(w.spool->counts().local, 0);
  assert_int_equal(w.local->in_memory(), 0);
}

void unsealed_files_are_refused(void**) {
  char name[] = "/tmp/local_test.XXXXXX";
  const Fd file(mkstemp(name));
  unlink(name);
  assert_int_equal(write(file.get(), "abc", 3), 3);
  assert_false(read_memory_file(file.get(), 3));
  const Result<Fd> sealed = make_memory_file("abc");
  assert_text(*read_memory_file(sealed->get(), 3), "abc");
  assert_false(read_memory_file(sealed->get(), 2));
  assert_int_equal(pwrite(sealed->get(), "x", 1, 0), -1);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {unit_test(the_poison_among_many),
                              unit_test(the_parent_is_not_pressed),
                              unit_test(the_way_of_an_envelope),
                              unit_test(what_was_not_durable_is_delivered_again),
                              unit_test(answers_of_others_count_nothing),
                              unit_test(refusals),
                              unit_test(no_process_for_the_account),
                              unit_test(an_envelope_without_account_is_routed_again),
                              unit_test(a_backlog),
                              unit_test(unsealed_files_are_refused)};
  return run_unit_tests(tests);
}
