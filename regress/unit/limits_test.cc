// lib/receive: limits of sessions. Clients come by a proxy, since loopback is spared most of them.
// SPDX-License-Identifier: ISC
#include <csignal>

#include "regress/unit/receive_fixture.h"

static void proxied(House& h) {
  h.proxies = {"127.0.0.1"};
  assert_text(h.configure(), "");
}

static Client from(House& h, const std::string& address, const std::string& more = "") {
  Client c = h.dial();
  h.say(c, "PROXY TCP4 " + address + " 198.51.100.1 1 25\r\n" + more);
  h.answer_names();
  return c;
}

static void hear_for(House& h, Client& c, Millis time) {
  const Micros until = now_monotonic() + time;
  while (now_monotonic() < until) {
    h.hear(c);
    usleep(10 * 1000);
  }
}

static void the_greeting_waits(void**) {
  House h;
  h.config.greet_pause = 1;
  h.trusted = {"192.0.2.0/28"};
  proxied(h);
  Client early = from(h, "192.0.2.77", "EHLO early.test\r\n");
  h.expect(early, "554 5.5.1");
  h.hear(early);
  assert_true(early.ended);
  Client patient = from(h, "192.0.2.77");
  Client trusted = from(h, "192.0.2.7", "EHLO trusted.test\r\n");
  h.expect(trusted, "220");
  h.expect_silence(patient);
  hear_for(h, patient, Millis(1200));
  h.expect(patient, "220");
  h.say(patient, "NOOP\r\n");
  h.expect(patient, "250");
}

static void errors_cost_time(void**) {
  House h;
  h.config.error_delay = 1;
  h.config.max_errors = 6;
  proxied(h);
  Client c = from(h, "192.0.2.77");
  h.expect(c, "220");
  h.say(c, "A\r\nB\r\nC\r\nD\r\nE\r\nNOOP\r\n");
  for (int i = 0; i < 4; i++) h.expect(c, "500");
  h.expect_silence(c);
  Client other = from(h, "192.0.2.77", "NOOP\r\n");  // nobody else waits
  h.expect(other, "220");
  h.expect(other, "250");
  hear_for(h, c, Millis(1200));
  h.expect(c, "500");
  h.expect(c, "250");
  h.say(c, "F\r\n");
  h.expect(c, "500");  // the last one ends it: nothing to wait for
  h.expect(c, "421 4.7.0");
}

static void rates_of_a_source(void**) {
  House h;
  h.config.max_messages_per_hour = 2;
  h.config.max_recipients_per_hour = 1;
  proxied(h);
  Client c = from(h, "192.0.2.77", "EHLO a.test\r\n");
  h.hear(c);
  c.heard.clear();
  h.say(c, "MAIL FROM:<a@b.test>\r\nRCPT TO:<a@mk.test>\r\nRCPT TO:<b@mk.test>\r\n");
  h.expect(c, "250");
  h.verdict(h.asked());
  h.expect(c, "250");
  h.expect(c, "450 4.7.1");
  h.say(c, "RSET\r\nMAIL FROM:<a@b.test>\r\nRSET\r\nMAIL FROM:<a@b.test>\r\n");
  for (const char* reply : {"250", "250", "250", "450 4.7.1"}) h.expect(c, reply);
  Client other = from(h, "192.0.2.78", "EHLO a.test\r\n");
  h.hear(other);
  other.heard.clear();
  h.say(other, "MAIL FROM:<a@b.test>\r\n");
  h.expect(other, "250");
}

static void recipients_of_a_session(void**) {
  House h;
  h.config.max_recipients_per_session = 2;
  assert_text(h.configure(), "");
  Client c = h.greeted();
  h.begin(c, {"a@mk.test", "b@mk.test"});
  h.say(c, "RCPT TO:<c@mk.test>\r\n");
  h.expect(c, "452 4.5.3");
}

// Ten places: a network gets five, and when all are taken its idlest session gives way to somebody new.
static void a_flood_leaves_room(void**) {
  House h;
  h.config.max_sessions_per_source = 100;
  proxied(h);
  std::vector<Client> flood;
  for (int i = 0; i < 5; i++) {
    flood.push_back(from(h, "192.0.2." + std::to_string(i)));
    h.expect(flood.back(), "220");
  }
  Client sixth = from(h, "192.0.2.99");
  h.expect(sixth, "421 4.7.0");
  std::vector<Client> others;
  for (int i = 0; i < 5; i++) {
    others.push_back(from(h, "10.0." + std::to_string(i) + ".1"));
    h.expect(others.back(), "220");
  }
  h.say(flood[0], "NOOP\r\n");
  h.expect(flood[0], "250");
  Client late = from(h, "203.0.113.1", "NOOP\r\n");
  h.expect(late, "220");
  h.expect(late, "250");
  h.expect(flood[1], "421 4.3.2");  // flood[0] has just done something
  h.expect_silence(flood[0]);
  for (Client& o : others) h.expect_silence(o);
}

// Three at once from one network: the flood gives up what it has too much, and no more; who has given way counts no
// longer.
static void a_burst_takes_its_share(void**) {
  House h;
  h.config.max_sessions_per_source = 100;
  proxied(h);
  std::vector<Client> flood, others;
  for (int i = 0; i < 5; i++) flood.push_back(from(h, "192.0.2." + std::to_string(i)));
  for (int i = 0; i < 5; i++) others.push_back(from(h, "10.0." + std::to_string(i) + ".1"));
  for (Client& c : flood) h.expect(c, "220");
  for (Client& c : others) h.expect(c, "220");
  Client burst[3];
  for (Client& c : burst) c = h.dial();
  for (Client& c : burst) {  // what they say is read in one turn
    const std::string header = "PROXY TCP4 203.0.113.1 198.51.100.1 1 25\r\n";
    assert_int_equal(send(c.fd.get(), header.data(), header.size(), 0), header.size());
  }
  h.answer_names();
  h.expect(burst[0], "220");
  h.expect(burst[1], "220");
  h.expect(burst[2], "421 4.3.2");
  size_t left = 0;
  for (Client& c : flood) left += h.hear(c).empty() ? 1 : 0;
  assert_int_equal(left, 3);
  for (Client& o : others) h.expect_silence(o);
}

static void a_trickle_is_no_progress(void**) {
  House h;
  h.config.idle_timeout = 2;
  assert_text(h.configure(), "");
  Client c = h.greeted();
  h.begin(c);
  h.say(c, "DATA\r\n");
  h.expect(c, "354");
  for (int i = 0; i < 32 && !c.ended; i++) {
    h.say(c, "x");
    usleep(100 * 1000);
    h.hear(c);
  }
  h.expect(c, "421 4.4.2");
}

int main() {
  log::set_level(log::Level::kError);
  signal(SIGPIPE, SIG_IGN);
  const CMUnitTest tests[] = {unit_test(the_greeting_waits),      unit_test(errors_cost_time),
                              unit_test(rates_of_a_source),       unit_test(recipients_of_a_session),
                              unit_test(a_flood_leaves_room),     unit_test(a_burst_takes_its_share),
                              unit_test(a_trickle_is_no_progress)};
  return run_unit_tests(tests);
}
