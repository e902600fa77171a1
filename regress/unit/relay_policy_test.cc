// The relay process' object: that what is known of a domain's TLS, and what changes of it, counts for each message.
// SPDX-License-Identifier: ISC
#include "regress/unit/relay_house.h"

namespace {

// A connection that is in use while the configuration changes was made under the old one: nothing more goes out on it.
void a_connection_of_an_old_configuration(void**) {
  Host host("127.0.0.1", 0);
  House house({{"127.0.0.1", host.port(), false, false, "", ""}});
  host.holds = true;
  house.transfer(1);
  assert_true(house.until([&] { return host.messages == 1; }));
  house.configure(relay::Tls::kEncrypt);
  host.holds = false;
  assert_true(house.result().results.at(0).outcome == Outcome::kDelivered);
  house.transfer(2);
  const auto r = house.result(2);
  assert_true(r.results.at(0).outcome == Outcome::kTemporary);  // this host has no TLS
  assert_int_equal(host.messages, 1);
  house.configure(relay::Tls::kMay);
  for (uint64_t n = 3; n <= 4; n++) {
    house.transfer(n);
    assert_true(house.result(static_cast<int>(n)).results.at(0).outcome == Outcome::kDelivered);
  }
  assert_int_equal(host.connections, 3);
}

// As long as the same policy holds a connection serves; when it ends, or another begins, the hosts are looked at anew.
void a_connection_of_an_old_policy(void**) {
  if (geteuid() != 0) skip();  // port 25
  House house({}, relay::Tls::kMay, true);
  Host host("127.0.0.34", 25);
  house.transfer(1);
  const auto hops = house.hops({hop("a.test", 5, {"127.0.0.34"})});
  house.tell(kLookup, hops);
  const int64_t end = now_unix() + 3;
  relay::StsRecord record;
  record.domain = "x.test";
  record.id = "1";
  record.fetched = end - 100;
  record.expires = end;
  record.policy = {relay::StsMode::kTesting, {"a.test"}};
  house.remember(queue::NoteKind::kSts, "x.test", &record);
  lookup::Texts none;
  none.query = house.last<lookup::FindTexts>(kLookup).query;
  none.failed = true;
  house.tell(kLookup, none);
  assert_true(house.result().results.at(0).outcome == Outcome::kDelivered);
  house.transfer(2);
  assert_true(house.result(2).results.at(0).outcome == Outcome::kDelivered);
  assert_int_equal(host.connections, 1);
  house.until([&] { return now_unix() >= end; });
  house.transfer(3);
  house.tell(kLookup, house.hops({hop("a.test", 5, {"127.0.0.34"})}));
  assert_true(house.result(3).results.at(0).outcome == Outcome::kDelivered);
  assert_int_equal(host.connections, 2);
}

// Whatever the DNS says sooner, and without MTA-STS too: the mail waits for what is known of the domain.
void what_was_learned_is_waited_for(void**) {
  if (geteuid() != 0) skip();  // port 25
  Host host("127.0.0.34", 25);
  House house({}, relay::Tls::kMay, false, relay::Learn::kEnforce);
  house.transfer(1);
  house.tell(kLookup, house.hops({hop("a.test", 5, {"127.0.0.34"})}));
  house.turns(50);
  assert_int_equal(host.connections, 0);
  relay::Learned kept{"x.test", now_unix() - 30 * 86400, now_unix(), 100};
  house.remember(queue::NoteKind::kLearned, "x.test", &kept);
  const auto r = house.result();
  assert_true(r.results.at(0).outcome == Outcome::kTemporary);  // this host has no TLS
  assert_int_equal(host.messages, 0);
  // Of another domain nothing is known: that is an answer too.
  house.transfer(2, "y.test");
  house.tell(kLookup, house.hops({hop("a.test", 5, {"127.0.0.34"})}));
  house.turns(50);
  assert_int_equal(house.heard_of(kQueue, relay::Transferred::kType), 1);
  house.remember<relay::Learned>(queue::NoteKind::kLearned, "y.test", nullptr);
  assert_true(house.result(2).results.at(0).outcome == Outcome::kDelivered);
  assert_int_equal(host.messages, 1);
  house.until([&] { return house.heard_of(kQueue, queue::KeepNote::kType) > 0; });  // of the session with y.test
  assert_int_equal(house.heard_of(kQueue, queue::FindNote::kType), house.recalled);
}

// One question for all who wait.
void several_wait_for_what_was_learned(void**) {
  if (geteuid() != 0) skip();  // port 25
  Host host("127.0.0.34", 25);
  House house({}, relay::Tls::kMay, false, relay::Learn::kSuggest);
  for (uint64_t n = 1; n <= 3; n++) {
    house.transfer(n);
    house.tell(kLookup, house.hops({hop("a.test", 5, {"127.0.0.34"})}));
  }
  house.turns(50);
  assert_int_equal(house.heard_of(kQueue, queue::FindNote::kType), house.recalled + 1);
  assert_int_equal(host.connections, 0);
  house.remember<relay::Learned>(queue::NoteKind::kLearned, "x.test", nullptr);
  assert_true(house.result(3).results.at(0).outcome == Outcome::kDelivered);
  assert_int_equal(host.messages, 3);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {unit_test(a_connection_of_an_old_configuration), unit_test(a_connection_of_an_old_policy),
                              unit_test(what_was_learned_is_waited_for), unit_test(several_wait_for_what_was_learned)};
  return run_unit_tests(tests);
}
