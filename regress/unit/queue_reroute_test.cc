// Recipients that are routed anew, on the queue's real object: each gets a number of its own.
// SPDX-License-Identifier: ISC
#include "regress/unit/queue_house.h"

using namespace mailkeep;
using namespace mailkeep::queue;

namespace {

constexpr uint64_t kId = 0x6540000012345678;

// One message whose recipients have no route yet.
void keep(const SpoolDirectory& directory, std::initializer_list<const char*> recipients) {
  auto spool = directory.open();
  Change change = make_change(kId, "Subject: x\r\n\r\nhello\r\n", {}, now_unix() - 10);
  for (const char* r : recipients) {
    Envelope& e = change.put.emplace_back();
    e.id = {kId, static_cast<uint32_t>(change.put.size() - 1)};
    e.recipient = e.original = r;
    e.next_try = now_unix() - 10;
    e.expiry = now_unix() + 100000;
  }
  change.message->next_number = static_cast<uint32_t>(change.put.size());
  assert_true(commit_one(*spool, std::move(change)));
}

// The query of the last of so many questions. Those asked before lookup was there have been put off.
uint64_t asked(House& house, int count) {
  Selection all;
  all.all = true;
  house.ask(QueueVerb::kRetry, all);
  for (int n = 0; n < 200 && house.heard_of(kLookup, lookup::Route::kType) < count; n++) {
    usleep(30 * 1000);
    house.turns(4);
  }
  assert_int_equal(house.heard_of(kLookup, lookup::Route::kType), count);
  return house.last<lookup::Route>(kLookup).query;
}

Routed to(uint64_t query, std::initializer_list<const char*> accounts) {
  Routed r;
  r.query = query;
  for (const char* account : accounts) {
    Delivery& d = r.deliveries.emplace_back();
    d.account = account;
    d.address = std::string(account) + "@mk.test";
  }
  return r;
}

std::string listed(House& house) {
  std::string out;
  for (const auto& i : house.ask(QueueVerb::kList, {}).items) out += i.account + "=" + std::to_string(i.envelope.number) + " ";
  return out;
}

void several_in_one_turn(void**) {
  SpoolDirectory directory;
  keep(directory, {"one@mk.test", "two@mk.test", "three@mk.test"});
  House house(directory);
  const uint64_t last = asked(house, 3);
  house.tell(kLookup, to(last - 2, {"ann", "ben"}));
  house.tell(kLookup, to(last - 1, {"carl"}));
  house.tell(kLookup, to(last, {"dora"}));
  house.turns(10);
  assert_text(listed(house), "ann=3 ben=4 carl=5 dora=6 ");
}

// A mailbox takes a number that it has seen for a message that it has: none may come again, not after a restart either.
void no_number_comes_again(void**) {
  SpoolDirectory directory;
  keep(directory, {"one@mk.test", "two@mk.test", "three@mk.test"});
  Selection ann;
  ann.recipient = "ann@mk.test";
  {
    House house(directory);
    const uint64_t last = asked(house, 3);
    house.tell(kLookup, to(last - 2, {"ann"}));
    house.turns(10);
    assert_text(listed(house), "=1 =2 ann=3 ");
    assert_int_equal(house.ask(QueueVerb::kDrop, ann).changed, 1);
    house.tell(kLookup, to(last - 1, {"ann"}));
    house.turns(10);
    assert_text(listed(house), "=2 ann=4 ");
    assert_int_equal(house.ask(QueueVerb::kDrop, ann).changed, 1);
  }
  House house(directory);
  house.tell(kLookup, to(asked(house, 1), {"ann"}));
  house.turns(10);
  assert_text(listed(house), "ann=5 ");
}

// Of a spool in which the message's record has not kept up.
void a_number_that_is_taken_is_not_given(void**) {
  SpoolDirectory directory;
  keep(directory, {"one@mk.test", "two@mk.test"});
  {
    auto spool = directory.open();
    Change change;
    Message m = **spool->message(kId);
    m.next_number = 0;
    change.renewed = m;
    assert_true(commit_one(*spool, std::move(change)));
    assert_int_equal((**spool->message(kId)).next_number, 0);
    assert_text(**spool->body(kId), "Subject: x\r\n\r\nhello\r\n");
    Change none;
    m.id = kId + 1;
    none.renewed = m;
    assert_false(commit_one(*spool, std::move(none)));  // there is no such message
    assert_false((*spool->message(kId + 1)).has_value());
  }
  House house(directory);
  house.tell(kLookup, to(asked(house, 2) - 1, {"ann"}));
  house.turns(10);
  assert_text(listed(house), "=1 ann=2 ");
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {unit_test(several_in_one_turn), unit_test(no_number_comes_again), unit_test(a_number_that_is_taken_is_not_given)};
  return run_unit_tests(tests);
}
