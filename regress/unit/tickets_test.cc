// queue: tickets of submissions, whose they are and when they end.
// SPDX-License-Identifier: ISC
#include "queue/tickets.h"

#include "regress/unit/unit.h"

using namespace mailkeep;
using queue::Ticket;
using queue::Tickets;

static void vouch(Tickets& to, uint64_t number, const char* account, uint32_t smtpd, int64_t until, int64_t now = 100) {
  queue::Vouch v;
  v.ticket_high = number;
  v.ticket_low = ~number;
  v.account = account;
  v.smtpd = smtpd;
  v.until = until;
  to.add(v, now);
}

static Ticket ticket(uint64_t number) { return {number, ~number}; }

static void a_ticket_is_good_for_one_instance_and_time(void**) {
  Tickets t;
  vouch(t, 7, "ann", 0, 200);
  vouch(t, 8, "ben", 1, 200);
  assert_text(t.account(0, ticket(7), 100), "ann");
  assert_text(t.account(0, ticket(7), 199), "ann");  // for every message of its session
  assert_text(t.account(0, ticket(7), 200), "");
  assert_text(t.account(1, ticket(7), 100), "");
  assert_text(t.account(2, ticket(7), 100), "");
  assert_text(t.account(0, ticket(8), 100), "");
  assert_text(t.account(0, {7, 7}, 100), "");
  assert_text(t.account(0, {0, 0}, 100), "");
  vouch(t, 7, "mallory", 0, 900);  // never a second meaning
  assert_text(t.account(0, ticket(7), 100), "ann");
  t.drop(0);
  assert_text(t.account(0, ticket(7), 100), "");
  assert_text(t.account(1, ticket(8), 100), "ben");
}

static void no_ticket_no_account(void**) {
  Tickets t;
  queue::Vouch none;
  none.account = "ann";
  none.until = 200;
  t.add(none, 100);
  vouch(t, 7, "", 0, 200);
  assert_int_equal(t.size(), 0);
  assert_text(t.account(0, {0, 0}, 100), "");
}

static void bounded_for_each_instance(void**) {
  Tickets t(3);
  vouch(t, 1, "other", 1, 1000);
  for (uint64_t i = 10; i < 20; i++) vouch(t, i, "ann", 0, 1000);
  assert_int_equal(t.size(), 4);
  assert_text(t.account(0, ticket(16), 100), "");
  assert_text(t.account(0, ticket(17), 100), "ann");
  assert_text(t.account(1, ticket(1), 100), "other");
  vouch(t, 30, "ann", 0, 2000, 1500);  // those that are over go
  assert_int_equal(t.size(), 2);
}

int main() {
  const CMUnitTest tests[] = {unit_test(a_ticket_is_good_for_one_instance_and_time), unit_test(no_ticket_no_account),
                              unit_test(bounded_for_each_instance)};
  return run_unit_tests(tests);
}
