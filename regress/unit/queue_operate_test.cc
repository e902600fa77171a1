// What an operator does with the queue, on the role's real object: hold, release, retry, fail, drop, reroute; in
// slices; and what is in a process' hands.
// SPDX-License-Identifier: ISC
#include <set>

#include "regress/unit/queue_house.h"

using namespace mailkeep;
using namespace mailkeep::queue;

namespace {

// `count` messages for hosts elsewhere, from id `first` on, due at `due`.
void keep(const queue::SpoolDirectory& directory, uint64_t first, size_t count, int64_t due,
          const std::string& sender = "alice@mk.test") {
  auto spool = directory.open();
  for (uint64_t n = first; n < first + count; ++n) {
    queue::Change change =
        queue::make_change(n, "Subject: number " + std::to_string(n) + "\r\n\r\nhello\r\n", {""}, due);
    change.message->sender = sender;
    change.message->account = "alice";
    change.message->received = now_unix();
    queue::Envelope& e = change.put.front();
    e.kind = queue::Kind::kRelay;
    e.recipient = e.original = "r" + std::to_string(n) + "@x.test";
    e.expiry = now_unix() + 100000;
    spool->stage(std::move(change));
  }
  for (const Status& s : spool->commit()) assert_true(s);
}

Selection everything() {
  queue::Selection s;
  s.all = true;
  return s;
}

queue::Selection number(uint64_t id) {
  queue::Selection s;
  s.message = id;
  return s;
}

void hold_is_kept(void**) {
  queue::SpoolDirectory directory;
  keep(directory, 100, 3, now_unix() - 10);
  {
    House house(directory);
    assert_int_equal(house.ask(QueueVerb::kHold, number(101), true).changed, 1);  // dry
    assert_text(house.states(), "waiting waiting waiting ");
    const auto done = house.ask(QueueVerb::kHold, number(101));
    assert_int_equal(done.changed, 1);
    assert_int_equal(done.items.size(), 0);
    assert_text(house.states(), "waiting held waiting ");
    assert_int_equal(house.ask(QueueVerb::kHold, number(101)).changed, 0);    // it is
    assert_int_equal(house.ask(QueueVerb::kRetry, everything()).changed, 2);  // held ones are not tried
  }
  House house(directory);
  assert_text(house.states(), "waiting held waiting ");
  house.wire(kRelay);
  house.turns(40);
  assert_int_equal(house.heard_of(kRelay, relay::Transfer::kType), 2);
  queue::Selection held;
  held.state = "held";
  assert_int_equal(house.ask(QueueVerb::kRelease, held).changed, 1);
  for (int n = 0; n < 100 && house.heard_of(kRelay, relay::Transfer::kType) < 3; ++n) {
    usleep(30 * 1000);
    house.turns(4);
  }
  assert_int_equal(house.last<relay::Transfer>(kRelay).message, 101);
}

void what_is_in_hand_is_left_alone(void**) {
  queue::SpoolDirectory directory;
  keep(directory, 100, 1, now_unix() - 10);
  House house(directory);
  house.wire(kRelay);
  house.turns(40);
  assert_text(house.states(), "delivering ");
  for (const QueueVerb verb : {QueueVerb::kHold, QueueVerb::kDrop, QueueVerb::kFail, QueueVerb::kRetry}) {
    const auto done = house.ask(verb, everything());
    assert_int_equal(done.changed, 0);
    assert_int_equal(done.busy, 1);
  }
  const auto t = house.last<relay::Transfer>(kRelay);
  relay::Transferred answer;
  answer.transfer = t.transfer;
  answer.results.push_back({0, relay::Outcome::kTemporary, 450, "4.2.1", "later"});
  house.tell(kRelay, answer);
  house.turns(10);
  assert_int_equal(house.ask(QueueVerb::kDrop, everything()).changed, 1);
  assert_int_equal(house.ask(QueueVerb::kList, {}).total, 0);
}

void fail_tells_and_drop_does_not(void**) {
  queue::SpoolDirectory directory;
  keep(directory, 100, 2, now_unix() + 5000);
  {
    House house(directory);
    assert_int_equal(house.ask(QueueVerb::kDrop, number(100)).changed, 1);
    house.turns(10);
    assert_int_equal(house.heard_of(kLookup, lookup::Route::kType), 0);
    assert_int_equal(house.ask(QueueVerb::kHold, number(101)).changed, 1);
    assert_int_equal(house.ask(QueueVerb::kFail, number(101)).changed, 1);
    house.turns(10);
    const auto route = house.last<lookup::Route>(kLookup);  // of the report
    assert_text(route.recipients.at(0), "alice@mk.test");
    queue::Routed routed;
    routed.query = route.query;
    queue::Delivery& d = routed.deliveries.emplace_back();
    d.account = "alice";
    d.address = "alice@mk.test";
    house.tell(kLookup, routed);
    house.turns(10);
    const auto left = house.ask(QueueVerb::kList, {});
    assert_int_equal(left.total, 1);
    assert_text(left.items.at(0).sender, "");
    assert_text(left.items.at(0).recipient, "alice@mk.test");
  }
}

void reroute_by_name(void**) {
  queue::SpoolDirectory directory;
  keep(directory, 100, 2, now_unix() + 5000);
  House house(directory);
  assert_false(house.ask(QueueVerb::kReroute, everything(), false, "nowhere").error.empty());
  assert_int_equal(house.ask(QueueVerb::kReroute, number(100), false, "other").changed, 1);
  assert_int_equal(house.ask(QueueVerb::kReroute, number(100), false, "other").changed, 0);
  house.wire(kRelay);
  for (int n = 0; n < 100 && house.heard_of(kRelay, relay::Transfer::kType) < 1; ++n) {
    usleep(30 * 1000);
    house.turns(4);
  }
  const auto t = house.last<relay::Transfer>(kRelay);
  assert_int_equal(t.message, 100);
  assert_text(t.action, "other");
}

void a_command_without_a_selection(void**) {
  queue::SpoolDirectory directory;
  keep(directory, 100, 2, now_unix() + 5000);
  House house(directory);
  for (const QueueVerb verb : {QueueVerb::kHold, QueueVerb::kRelease, QueueVerb::kRetry, QueueVerb::kFail,
                               QueueVerb::kDrop, QueueVerb::kReroute}) {
    const auto done = house.ask(verb, {}, false, "out");
    assert_text(done.error, "nothing is selected");
    assert_int_equal(done.changed, 0);
  }
  assert_int_equal(house.ask(QueueVerb::kList, {}).items.size(), 2);
}

// Every envelope once, whatever the parts; what is selected by its subject too.
void in_slices(void**) {
  queue::SpoolDirectory directory;
  constexpr size_t kMany = 2300;
  keep(directory, 1000, kMany, now_unix() + 5000);
  House house(directory);
  const auto listed = house.ask(QueueVerb::kList, {});
  assert_in_range(house.parts, 3, 30);
  assert_int_equal(listed.items.size(), kMany);
  std::set<uint64_t> seen;
  for (const auto& i : listed.items) seen.insert(i.envelope.message);
  assert_int_equal(seen.size(), kMany);
  queue::Selection subject;
  subject.subject = "NUMBER 12";
  assert_int_equal(house.ask(QueueVerb::kList, subject).items.size(), 100);  // 1200 to 1299
  house.parts = 0;
  assert_int_equal(house.ask(QueueVerb::kHold, everything()).changed, kMany);
  assert_in_range(house.parts, 5, 60);
  assert_int_equal(house.ask(QueueVerb::kDrop, subject).changed, 100);
  assert_int_equal(house.ask(QueueVerb::kList, {}).total, kMany - 100);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      unit_test(hold_is_kept),    unit_test(what_is_in_hand_is_left_alone), unit_test(fail_tells_and_drop_does_not),
      unit_test(reroute_by_name), unit_test(a_command_without_a_selection), unit_test(in_slices)};
  return run_unit_tests(tests);
}
