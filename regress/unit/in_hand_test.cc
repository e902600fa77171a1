// queue/in_hand.h: what the queue's own process dies with.
// SPDX-License-Identifier: ISC
#include "queue/in_hand.h"

#include <fstream>

#include "regress/unit/spool_fixture.h"
#include "regress/unit/unit.h"

using namespace mailkeep;
using namespace mailkeep::queue;

namespace {

// One process that works on these, and dies with the last; 0: with none.
std::vector<uint64_t> die(const std::string& path, std::initializer_list<uint64_t> messages) {
  InHand in_hand;
  assert_true(in_hand.open(path));
  for (const uint64_t m : messages) in_hand.take(m);
  return in_hand.poison();
}

void three_deaths_are_poison(void**) {
  SpoolDirectory directory;
  const std::string path = directory.path + "/in-hand";
  assert_int_equal(die(path, {5, 7}).size(), 0);
  assert_int_equal(die(path, {7}).size(), 0);
  assert_int_equal(die(path, {5, 0}).size(), 0);  // this one ended with nothing in hand
  assert_int_equal(die(path, {7}).size(), 0);
  const auto poison = die(path, {0});
  assert_int_equal(poison.size(), 1);
  assert_int_equal(poison[0], 7);
  InHand in_hand;
  assert_true(in_hand.open(path));
  in_hand.forget(7);
  assert_int_equal(in_hand.poison().size(), 0);
}

void many_are_remembered_and_no_more(void**) {
  SpoolDirectory directory;
  const std::string path = directory.path + "/in-hand";
  die(path, {9});
  die(path, {9});
  for (uint64_t m = 100; m < 100 + 2 * InHand::kRemembered; ++m) die(path, {m});
  die(path, {9});
  assert_int_equal(die(path, {0}).size(), 1);
}

void whatever_lies_there(void**) {
  SpoolDirectory directory;
  const std::string path = directory.path + "/in-hand";
  for (const std::string& bytes :
       {std::string("x"), std::string(5000, 'x'), std::string(8 * (2 + 2 * InHand::kRemembered), '\xff')}) {
    std::ofstream(path, std::ios::trunc) << bytes;
    assert_int_equal(die(path, {0}).size(), 0);
  }
  assert_false(InHand().open(directory.path + "/none/in-hand"));
  InHand closed;  // the spool goes on without it
  closed.take(3);
  closed.put_down();
  assert_int_equal(closed.poison().size(), 0);
}

// The queue meets it no more: its envelopes are held, with the reason.
void the_spool_says_so(void**) {
  SpoolDirectory directory;
  assert_true(commit_one(*directory.open(), make_change(0x77, "x", {"alice"}, 100)));
  for (int n = 0; n < 3; ++n) directory.open()->take_in_hand(0x77);
  auto spool = directory.open();
  assert_int_equal(spool->poison().size(), 1);
  assert_int_equal(spool->poison()[0], 0x77);
  spool->take_in_hand(0x77);
  spool->put_down();
  assert_int_equal(directory.open()->poison().size(), 1);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {unit_test(three_deaths_are_poison), unit_test(many_are_remembered_and_no_more),
                              unit_test(whatever_lies_there), unit_test(the_spool_says_so)};
  return run_unit_tests(tests);
}
