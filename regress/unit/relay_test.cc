// The relay process' object: which hosts, in which order, and what the queue is told. Then peers that say anything: see
// hostile.h.
// SPDX-License-Identifier: ISC
#include "regress/unit/relay_house.h"

namespace {

// Nobody at the first one; the second has nobody at its first address and a bad word at its second; the third takes it.
void by_mx_in_order(void**) {
  if (geteuid() != 0) skip();  // port 25
  House house;
  Host rude("127.0.0.32", 25, "554 not today");
  Host good("127.0.0.33", 25);
  house.transfer(1);
  const auto asked = house.hops({hop("a.test", 5, {"127.0.0.31"}), hop("b.test", 10, {"127.0.0.31", "127.0.0.32"}),
                                 hop("c.test", 10, {"127.0.0.33"})});
  assert_text(house.last<lookup::FindHops>(kLookup).name, "x.test");
  assert_false(house.last<lookup::FindHops>(kLookup).is_host);
  house.tell(kLookup, asked);
  const auto r = house.result();
  assert_int_equal(r.transfer, 1);
  assert_true(r.results.at(0).outcome == Outcome::kDelivered && r.results[0].number == 4 && r.results[0].code == 250);
  assert_text(r.host, "c.test [127.0.0.33]:25");
  assert_false(r.host_failed);
  assert_int_equal(rude.connections, 1);
  // Again: the connection is there still, and lookup is not asked.
  house.transfer(2);
  assert_true(house.result(2).results.at(0).outcome == Outcome::kDelivered);
  assert_int_equal(good.connections, 1);
  assert_int_equal(good.messages, 2);
  assert_int_equal(house.heard_of(kLookup, lookup::FindHops::kType), 1);
}

void nobody_is_there(void**) {
  House house;
  house.transfer(1);
  house.tell(kLookup, house.hops({hop("a.test", 5, {"127.0.0.31"}), hop("b.test", 10, {})}));
  const auto r = house.result();
  assert_true(r.results.at(0).outcome == Outcome::kTemporary && r.host_failed && r.results[0].code == 0);
  assert_true(r.results[0].text.find("refused") != std::string::npos);
}

void what_lookup_may_say(void**) {
  House house;
  auto say = [&, n = uint64_t{0}](lookup::HopsState state, const std::string& text) mutable {
    house.transfer(++n);
    house.tell(kLookup, house.hops({}, state, text));
    const auto r = house.result(static_cast<int>(n));
    assert_text(r.results.at(0).text, text);
    return r;
  };
  auto r = say(lookup::HopsState::kNoDomain, "no such domain");
  assert_true(r.results[0].outcome == Outcome::kPermanent && !r.host_failed);
  assert_text(r.results[0].enhanced, "5.1.2");
  r = say(lookup::HopsState::kNullMx, "takes no mail");
  assert_true(r.results[0].outcome == Outcome::kPermanent);
  assert_text(r.results[0].enhanced, "5.1.10");
  r = say(lookup::HopsState::kTemporary, "SERVFAIL");
  assert_true(r.results[0].outcome == Outcome::kTemporary && r.host_failed);
  house.transfer(4);
  house.tell(kLookup, house.hops({}, lookup::HopsState::kLoop, "loops back"));
  r = house.result(4);
  assert_true(r.results.at(0).outcome == Outcome::kPermanent);
  assert_text(r.results[0].enhanced, "5.4.6");
  house.transfer(5);
  house.transfer(6, "[127.0.0.300]");
  r = house.result(5);
  assert_true(r.transfer == 6 && r.results.at(0).outcome == Outcome::kPermanent);
  house.transfer(7, "x.test", "gone");
  r = house.result(6);
  assert_true(r.transfer == 7 && r.results.at(0).outcome == Outcome::kTemporary && !r.host_failed);
}

void a_smart_host_by_name(void**) {
  Host host("127.0.0.1", 0);
  House house({{"dead.test", 25, false, false, "", ""}, {"smart.test", host.port(), false, false, "", ""}});
  house.transfer(1);
  house.tell(kLookup, house.hops({}, lookup::HopsState::kNoDomain, "no such name"));
  const auto second = house.hops({hop("smart.test", 0, {"127.0.0.1"})});
  const auto asked = house.last<lookup::FindHops>(kLookup);
  assert_text(asked.name, "smart.test");
  assert_true(asked.is_host && asked.port == host.port());
  house.tell(kLookup, second);
  assert_true(house.result().results.at(0).outcome == Outcome::kDelivered);
  house.transfer(2, "other.test");  // another domain, the same way
  assert_true(house.result(2).results.at(0).outcome == Outcome::kDelivered);
  assert_int_equal(host.connections, 1);
}

// The end of the connection instead of an answer: the message may be there, so no other host gets it.
void lost_after_the_dot(void**) {
  Host vague("127.0.0.1", 0, "220 hi", "250 h", "");
  Host other("127.0.0.1", 0);
  House house({{"127.0.0.1", vague.port(), false, false, "", ""}, {"127.0.0.1", other.port(), false, false, "", ""}});
  house.transfer(1);
  const auto r = house.result();
  assert_true(r.results.at(0).outcome == Outcome::kTemporary && !r.host_failed);
  assert_int_equal(vague.messages, 1);
  assert_int_equal(other.messages, 0);
}

void tls_that_fails(void**) {
  Host host("127.0.0.1", 0, "220 hi", "250-h\r\n250 STARTTLS");
  {
    House house({{"127.0.0.1", host.port(), false, false, "", ""}});
    house.transfer(1);  // no tls process: our own trouble is no reason for plaintext
    const auto r = house.result();
    assert_true(r.results.at(0).outcome == Outcome::kTemporary && r.host_failed);
    assert_text(r.results[0].enhanced, "4.7.5");
    assert_int_equal(host.messages, 0);
  }
  House house({{"127.0.0.1", host.port(), false, false, "", ""}});
  house.wire(kTls);
  const auto refuse = [&](int count) {
    assert_true(house.until([&] { return house.heard_of(kTls, tls::Connect::kType) >= count; }));
    tls::Failed failed;
    failed.session = house.last<tls::Connect>(kTls).session;
    failed.text = "handshake failure";
    house.tell(kTls, failed);
  };
  house.transfer(1);
  refuse(1);
  assert_true(house.result().results.at(0).outcome == Outcome::kDelivered);
  assert_int_equal(host.messages, 1);
  House strict({{"127.0.0.1", host.port(), false, false, "", ""}}, relay::Tls::kVerify);
  strict.wire(kTls);
  strict.transfer(1);
  assert_true(strict.until([&] { return strict.heard_of(kTls, tls::Connect::kType) >= 1; }));
  const auto connect = strict.last<tls::Connect>(kTls);
  assert_true(connect.check == tls::Check::kAuthority);
  assert_text(connect.names.at(0), "127.0.0.1");
  assert_text(connect.servername, "127.0.0.1");
  tls::Failed failed;
  failed.session = connect.session;
  failed.text = "name `127.0.0.1' not present";
  strict.tell(kTls, failed);
  const auto r = strict.result();
  assert_true(r.results.at(0).outcome == Outcome::kTemporary && r.host_failed);
  assert_text(r.results[0].text, "TLS: name `127.0.0.1' not present; policy: verify by action (tls of the action)");
  assert_int_equal(host.messages, 1);
}

void anything_from_anybody(void**) {
  House house({}, relay::Tls::kMay, true);
  house.wire(kTls);
  house.wire({Role::kControl, 0});
  house.words = {"out", "x.test", "b@x.test", "a@mk.test", "mx.x.test"};
  house.row<relay::Transfer>(kQueue);
  house.row<lookup::Hops>(kLookup);
  house.row<tls::Established>(kTls);
  house.row<tls::Failed>(kTls);
  house.row<relay::ShowTlsPolicy>(Role::kControl);
  house.row<relay::ShowDelivery>(Role::kControl);
  house.row<lookup::Texts>(kLookup);
  house.row<queue::NoteFound>(kQueue);
  house.row<worker::StatsQuery>(Role::kControl);
  house.attack(150);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {unit_test(by_mx_in_order),       unit_test(nobody_is_there),
                              unit_test(what_lookup_may_say),  unit_test(a_smart_host_by_name),
                              unit_test(lost_after_the_dot),   unit_test(tls_that_fails),
                              unit_test(anything_from_anybody)};
  return run_unit_tests(tests);
}
