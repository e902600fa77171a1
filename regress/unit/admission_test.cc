// lib/receive/admission: limits, fair shares of a pool that fills, rates.
// SPDX-License-Identifier: ISC
#include "lib/receive/admission.h"

#include "regress/unit/unit.h"

using namespace mailkeep;
using receive::Admission;
using Verdict = Admission::Verdict;

static void networks(void**) {
  assert_true(receive::network_of("192.0.2.1") == receive::network_of("192.0.2.254"));
  assert_false(receive::network_of("192.0.2.1") == receive::network_of("192.0.3.1"));
  assert_true(receive::network_of("2001:db8::1") == receive::network_of("2001:db8::ffff:1"));
  assert_false(receive::network_of("2001:db8::1") == receive::network_of("2001:db8:0:1::1"));
  assert_text(receive::network_of("local"), "local");
}

static void limits(void**) {
  Admission a;
  a.set_limits({.sessions = 100, .per_source = 2, .per_network = 3});
  assert_true(a.enter("192.0.2.1", true, true) == Verdict::kWelcome);
  assert_true(a.enter("192.0.2.1", true, true) == Verdict::kWelcome);
  assert_true(a.enter("192.0.2.1", true, true) == Verdict::kSourceCrowded);
  a.leave("192.0.2.1");
  assert_true(a.enter("192.0.2.2", true, true) == Verdict::kWelcome);
  assert_true(a.enter("192.0.2.3", true, true) == Verdict::kNetworkCrowded);
  assert_true(a.enter("192.0.2.3", false, false) == Verdict::kWelcome);
  assert_int_equal(a.sessions(), 5);
  for (const char* one : {"192.0.2.1", "192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.3"}) a.leave(one);
  assert_int_equal(a.sessions(), 0);
  assert_int_equal(a.of_network("192.0.2.1"), 0);
}

// Whoever comes first and greedily: half of the pool; the next half of what is left, and somebody else always finds
// room.
static void shares(void**) {
  Admission a;
  a.set_limits({.sessions = 100, .per_source = 1000, .per_network = 1000});
  const auto flood = [&](const char* address) {
    size_t n = 0;
    while (a.enter(address, true, true) == Verdict::kWelcome) n++;
    a.leave(address);
    return n;
  };
  assert_int_equal(flood("192.0.2.1"), 50);
  assert_int_equal(flood("198.51.100.1"), 25);
  assert_false(a.is_crowded());
  assert_int_equal(flood("203.0.113.1"), 13);
  assert_true(a.is_crowded());
  assert_true(a.enter("2001:db8::1", true, true) == Verdict::kWelcome);
  assert_true(a.most_present(13) == receive::network_of("192.0.2.1"));
  assert_text(a.most_present(50), "");
  for (int i = 0; a.sessions() < 100; i++) a.enter("10.0." + std::to_string(i) + ".1", true, true);
  assert_true(a.enter("2001:db8:1::1", true, true) == Verdict::kFull);
}

// Who has had its share is told so, also when nothing is free: only for others does somebody give way.
static void limits_of_a_full_pool(void**) {
  Admission a;
  a.set_limits({.sessions = 4, .per_source = 2, .per_network = 3});
  a.enter("192.0.2.1", true, true);
  a.enter("192.0.2.1", true, true);
  for (const char* other : {"198.51.100.1", "203.0.113.1"}) a.enter(other, true, true);
  assert_true(a.enter("192.0.2.1", true, true) == Verdict::kSourceCrowded);
  assert_true(a.enter("192.0.2.2", true, true) == Verdict::kNetworkCrowded);
  assert_true(a.enter("198.51.100.1", true, true) == Verdict::kFull);
  assert_true(a.enter("10.0.0.1", true, true) == Verdict::kFull);
}

// An IPv6 host has as many addresses as it likes.
static void rates_of_a_network(void**) {
  Admission a;
  a.set_limits({.sessions = 10, .messages_per_hour = 2, .recipients_per_hour = 2});
  for (const char* one : {"2001:db8::1", "2001:db8::2"}) {
    assert_true(a.take_message(one, Seconds(1)));
    assert_true(a.take_recipient(one, Seconds(1)));
  }
  assert_false(a.take_message("2001:db8::3", Seconds(1)));
  assert_false(a.take_recipient("2001:db8::ffff:1", Seconds(1)));
  assert_true(a.take_message("2001:db8:0:1::1", Seconds(1)));
}

// However many sources there are: the newest is counted as any other, and the oldest is what is forgotten.
static void more_sources_than_are_counted(void**) {
  Admission a;
  a.set_limits({.sessions = 10, .messages_per_hour = 1, .recipients_per_hour = 1});
  const auto address = [](size_t i) {
    return "10." + std::to_string(i >> 16 & 255) + "." + std::to_string(i >> 8 & 255) + "." + std::to_string(i & 255);
  };
  for (size_t i = 0; i < receive::kMaxRatedSources + 10; i++) {
    assert_true(a.take_message(address(i), Seconds(1)));
    assert_false(a.take_message(address(i), Seconds(1)));
  }
  assert_false(a.take_message(address(10), Seconds(1)));
  assert_true(a.take_message(address(9), Seconds(1)));
  a.sweep(Seconds(3601));
  assert_true(a.take_message(address(11), Seconds(3601)));
}

static void rates(void**) {
  Admission a;
  const Micros start = Seconds(1000);
  for (int i = 0; i < 10; i++) assert_true(a.take_message("192.0.2.1", start));
  a.set_limits({.sessions = 10, .messages_per_hour = 2, .recipients_per_hour = 3});
  assert_true(a.take_message("192.0.2.1", start));
  assert_true(a.take_message("192.0.2.1", start + Seconds(1)));
  assert_false(a.take_message("192.0.2.1", start + Seconds(3599)));
  assert_true(a.take_message("192.0.2.2", start));
  for (int i = 0; i < 3; i++) assert_true(a.take_recipient("192.0.2.1", start));
  assert_false(a.take_recipient("192.0.2.1", start));
  assert_true(a.take_message("192.0.2.1", start + Seconds(3600)));
  assert_true(a.take_recipient("192.0.2.1", start + Seconds(3600)));
  a.sweep(start + Seconds(4000));
  assert_true(a.take_message("192.0.2.1", start + Seconds(4000)));
  assert_false(a.take_message("192.0.2.1", start + Seconds(4000)));
}

int main() {
  const CMUnitTest tests[] = {unit_test(networks),
                              unit_test(limits),
                              unit_test(shares),
                              unit_test(limits_of_a_full_pool),
                              unit_test(rates),
                              unit_test(rates_of_a_network),
                              unit_test(more_sources_than_are_counted)};
  return run_unit_tests(tests);
}
