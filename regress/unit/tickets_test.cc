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

static void vouch_for_user(Tickets& to, uint64_t number, const std::string& user, int64_t until = 1000,
                           int64_t now = 100) {
  queue::Vouch v;
  v.ticket_high = number;
  v.ticket_low = ~number;
  v.user = user;
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

// However many a local user asks for: they cost him his own, and those of nobody else.
static void local_users_put_out_their_own(void**) {
  Tickets t;
  vouch(t, 1, "ann", 0, 1000);
  vouch_for_user(t, 2, "ben");
  for (uint64_t i = 0; i < queue::kMaxTickets + 10; i++) vouch_for_user(t, 1000 + i, "mallory");
  assert_text(t.account(0, ticket(1), 100), "ann");
  assert_non_null(t.find(0, ticket(2), 100));
  assert_int_equal(t.size(), 2 + queue::kMaxTicketsOfUser);
  assert_null(t.find(0, ticket(1000), 100));
  assert_non_null(t.find(0, ticket(1000 + queue::kMaxTickets + 9), 100));
  vouch_for_user(t, 5, "mallory", 3000, 2000);  // those that are over go
  assert_int_equal(t.size(), 3);
}

// All local users together have a cap: who has most gives one up.
static void bounded_for_all_local_users(void**) {
  Tickets t(3, 4);
  for (uint64_t i = 0; i < 3; i++) vouch_for_user(t, 10 + i, "mallory");
  vouch_for_user(t, 20, "ben");
  vouch_for_user(t, 30, "carl");
  vouch(t, 1, "ann", 0, 1000);
  assert_int_equal(t.size(), 5);
  assert_null(t.find(0, ticket(10), 100));
  for (const uint64_t left : {1, 11, 12, 20, 30}) assert_non_null(t.find(0, ticket(left), 100));
  vouch_for_user(t, 40, "dora", 3000, 2000);
  assert_int_equal(t.size(), 2);  // ann's, for nobody has logged in since, and dora's
}

int main() {
  const CMUnitTest tests[] = {unit_test(a_ticket_is_good_for_one_instance_and_time), unit_test(no_ticket_no_account),
                              unit_test(bounded_for_each_instance), unit_test(local_users_put_out_their_own),
                              unit_test(bounded_for_all_local_users)};
  return run_unit_tests(tests);
}
