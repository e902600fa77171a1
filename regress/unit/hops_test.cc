// smtpd/lookup: where mail for a domain goes, from answers that the test gives. RFC 5321 5.1, RFC 7505, RFC 7672.
// SPDX-License-Identifier: ISC
#include "smtpd/lookup/hops.h"

#include <set>

#include "regress/unit/fake_dns.h"
#include "regress/unit/unit.h"

using namespace mailkeep;
using namespace mailkeep::lookup;
using dns::Answer;
using dns::State;
using dns::Type;

namespace {

constexpr imsg::PeerId kAsker{imsg::Role::kControl, 0};

struct House {
  House()
      : finder(
            loop, [this](imsg::PeerId, const Hops& h) { got.push_back(h); }, 1) {
    finder.set_source(&fake);
    finder.set_config({"mx.mk.test", {}, Family::kAlternate});
  }
  Hops find(const std::string& name, bool is_host = false, uint16_t port = 25) {
    FindHops q;
    q.query = ++query;
    q.name = name;
    q.is_host = is_host;
    q.port = port;
    got.clear();
    finder.find(kAsker, q);
    for (int i = 0; i < 100 && got.empty(); i++) loop.turn(false);
    assert_int_equal(got.size(), 1);
    assert_int_equal(got[0].query, query);
    assert_int_equal(finder.running(), 0);
    return got[0];
  }
  event::Loop loop;
  Fake fake{loop};
  std::vector<Hops> got;
  uint64_t query = 0;
  Finder finder;
};

void orders_hosts(void**) {
  House h;
  h.fake.mx("d.test", 20, "b.test");
  h.fake.mx("d.test", 10, "a.test");
  h.fake.mx("d.test", 20, "c.test");
  for (const char* name : {"a.test", "b.test", "c.test"}) h.fake.a(name, "192.0.2.1");
  std::set<std::string> seconds;
  for (int i = 0; i < 40; i++) {
    const auto r = h.find("D.test.");
    assert_true(r.state == HopsState::kFound && !r.implicit_mx && r.hops.size() == 3);
    assert_text(r.hops[0].name, "a.test");
    assert_int_equal(r.hops[1].preference, 20);
    seconds.insert(r.hops[1].name);
  }
  assert_int_equal(seconds.size(), 2);  // equal ones are shuffled
}

void implicit_mx(void**) {
  House h;
  h.fake.a("d.test", "192.0.2.1");
  const auto r = h.find("d.test");
  assert_true(r.state == HopsState::kFound && r.implicit_mx);
  assert_text(r.hops.at(0).name, "d.test");
  assert_int_equal(r.hops[0].preference, 0);
  h.fake.known.insert("empty.test");
  const auto none = h.find("empty.test");
  assert_true(none.state == HopsState::kNoDomain && none.hops.empty() && !none.text.empty());
}

void null_mx(void**) {
  House h;
  h.fake.mx("d.test", 0, "");
  h.fake.a("d.test", "192.0.2.1");
  assert_true(h.find("d.test").state == HopsState::kNullMx);
  // RFC 7505 3: beside others it means nothing.
  h.fake.mx("d.test", 10, "a.test");
  h.fake.a("a.test", "192.0.2.1");
  const auto r = h.find("d.test");
  assert_true(r.state == HopsState::kFound && r.hops.size() == 1);
}

void failures_are_temporary(void**) {
  House h;
  assert_true(h.find("no.test").state == HopsState::kNoDomain);
  h.fake.fails("d.test", Type::kMx);
  assert_true(h.find("d.test").state == HopsState::kTemporary);
  // No MX, and the addresses are not to be had.
  h.fake.known.insert("e.test");
  h.fake.fails("e.test", Type::kA);
  assert_true(h.find("e.test").state == HopsState::kTemporary);
  // The MX's host: gone for good, or not to be had now.
  h.fake.mx("f.test", 10, "gone.test");
  assert_true(h.find("f.test").state == HopsState::kNoDomain);
  h.fake.mx("f.test", 20, "later.test");
  h.fake.fails("later.test", Type::kAaaa);
  const auto r = h.find("f.test");
  assert_true(r.state == HopsState::kTemporary && r.hops.empty());
  // One that works is enough; the others say why not.
  h.fake.mx("f.test", 30, "up.test");
  h.fake.a("up.test", "192.0.2.1");
  const auto found = h.find("f.test");
  assert_true(found.state == HopsState::kFound && found.hops.size() == 3);
  assert_true(found.hops[0].addresses.empty() && !found.hops[0].problem.empty());
  assert_text(found.hops[1].problem, "SERVFAIL");
  assert_true(found.hops[2].problem.empty());
}

void families(void**) {
  const std::vector<std::string> v6 = {"2001:db8::1", "2001:db8::2", "2001:db8::3"}, v4 = {"192.0.2.1"};
  const auto in = [&](Family f) {
    std::string out;
    for (const auto& a : order_addresses(v6, v4, f)) out += a.find(':') != a.npos ? '6' : '4';
    return out;
  };
  assert_text(in(Family::kAlternate), "6466");
  assert_text(in(Family::kV6First), "6664");
  assert_text(in(Family::kV4First), "4666");
  assert_text(in(Family::kV6), "666");
  assert_text(in(Family::kV4), "4");
  assert_int_equal(order_addresses(std::vector<std::string>(40, "::1"), v4, Family::kAlternate).size(),
                   kMaxHopAddresses);
  assert_true(parse_family("ipv4-first") == Family::kV4First && parse_family("alternate") == Family::kAlternate &&
              !parse_family("x"));

  House h;
  h.finder.set_config({"mx.mk.test", {}, Family::kV4});
  h.fake.a("d.test", "2001:db8::1");
  const auto r = h.find("d.test");
  assert_true(r.state == HopsState::kNoDomain);
  assert_false(h.fake.was_asked("d.test", Type::kAaaa));
}

void nobodys_addresses(void**) {
  House h;
  for (const char* address : {"0.0.0.0", "224.0.0.1", "255.255.255.255", "::", "ff02::1"}) h.fake.a("d.test", address);
  assert_true(h.find("d.test").state == HopsState::kNoDomain);
}

void loops_by_name(void**) {
  House h;
  h.fake.mx("d.test", 10, "better.test");
  h.fake.mx("d.test", 20, "MX.mk.test");
  h.fake.mx("d.test", 20, "equal.test");
  h.fake.mx("d.test", 30, "worse.test");
  for (const char* name : {"better.test", "equal.test", "worse.test", "mx.mk.test"}) h.fake.a(name, "192.0.2.1");
  const auto r = h.find("d.test");
  assert_true(r.state == HopsState::kFound && r.hops.size() == 1);
  assert_text(r.hops[0].name, "better.test");
  h.fake.mx("e.test", 10, "mx.mk.test");
  const auto loop = h.find("e.test");
  assert_true(loop.state == HopsState::kLoop && loop.text.find("loops back") != loop.text.npos);
  h.fake.known.insert("mx.mk.test");
  assert_true(h.find("mx.mk.test").text.find("loops back") != std::string::npos);
}

void loops_by_address(void**) {
  House h;
  h.finder.set_config({"mx.mk.test", {{"192.0.2.9", 25}, {"2001:db8:0::9", 25}}, Family::kAlternate});
  h.fake.mx("d.test", 10, "better.test");
  h.fake.mx("d.test", 20, "ours.test");
  h.fake.mx("d.test", 30, "worse.test");
  h.fake.a("better.test", "192.0.2.1");
  h.fake.a("ours.test", "2001:db8::9");
  h.fake.a("worse.test", "192.0.2.2");
  assert_int_equal(h.find("d.test").hops.size(), 1);
  // Another port of our address is another server; so is a host that the configuration names.
  assert_int_equal(h.find("d.test", false, 2525).hops.size(), 3);
  assert_int_equal(h.find("ours.test", true).hops.size(), 1);
  assert_true(h.find("ours.test").text.find("loops back") != std::string::npos);
}

void hosts(void**) {
  House h;
  h.fake.a("smart.test", "192.0.2.1");
  h.fake.mx("smart.test", 10, "other.test");
  const auto r = h.find("smart.test", true, 587);
  assert_true(r.state == HopsState::kFound && !r.implicit_mx && r.hops.size() == 1);
  assert_text(r.hops[0].name, "smart.test");
  assert_false(h.fake.was_asked("smart.test", Type::kMx));
  const auto none = h.find("no.test", true);
  assert_true(none.state == HopsState::kNoDomain && none.text.find("no.test") != none.text.npos);
}

// --- TLSA -------------------------------------------------------------------------------------------

void secure_hosts_have_tlsa(void**) {
  House h;
  h.fake.secure = true;
  h.fake.mx("d.test", 10, "a.test");
  h.fake.a("a.test", "192.0.2.1");
  h.fake.a("a.test", "2001:db8::1");
  auto r = h.find("d.test");
  assert_true(r.secure && r.hops[0].secure && r.hops[0].tlsa_state == TlsaState::kNone);
  h.fake.tlsa("_25._tcp.a.test");
  r = h.find("d.test");
  assert_true(r.hops[0].tlsa_state == TlsaState::kSecure);
  assert_int_equal(r.hops[0].tlsa.at(0).data.size(), 32);
  // The port counts.
  assert_true(h.find("d.test", false, 26).hops[0].tlsa_state == TlsaState::kNone);
  assert_true(h.find("a.test", true).hops[0].tlsa_state == TlsaState::kSecure);
  // What cannot be had is no "none": not there now.
  h.fake.fails("_25._tcp.a.test", Type::kTlsa);
  r = h.find("d.test");
  assert_true(r.state == HopsState::kFound && r.hops[0].tlsa_state == TlsaState::kFailed && !r.hops[0].problem.empty());
  // Records without DNSSEC do not count.
  h.fake.tlsa("_25._tcp.a.test");
  h.fake.answers[{"_25._tcp.a.test", Type::kTlsa}].secure = false;
  assert_true(h.find("d.test").hops[0].tlsa_state == TlsaState::kNone);
}

void insecure_hosts_are_not_asked(void**) {
  House h;
  h.fake.tlsa("_25._tcp.a.test");
  h.fake.mx("d.test", 10, "a.test");
  h.fake.secure = true;
  h.fake.a("a.test", "192.0.2.1");
  auto r = h.find("d.test");  // MX insecure, addresses secure
  assert_true(!r.secure && r.hops[0].secure && r.hops[0].tlsa_state == TlsaState::kNone);
  assert_false(h.fake.was_asked("_25._tcp.a.test", Type::kTlsa));
  h.fake.mx("e.test", 10, "b.test");
  h.fake.a("b.test", "192.0.2.1");
  h.fake.secure = false;
  h.fake.a("b.test", "2001:db8::1");  // one of two insecure
  r = h.find("e.test");
  assert_true(r.secure && !r.hops[0].secure && r.hops[0].addresses.size() == 2);
  assert_false(h.fake.was_asked("_25._tcp.b.test", Type::kTlsa));
}

void aliases_and_tlsa(void**) {
  House h;
  h.fake.secure = true;
  h.fake.mx("d.test", 10, "alias.test");
  h.fake.a("end.test", "192.0.2.1");
  h.fake.alias("alias.test", "end.test", Type::kA);
  h.fake.tlsa("_25._tcp.alias.test", 2);
  auto r = h.find("d.test");  // none at the end: that of the start
  assert_true(h.fake.was_asked("_25._tcp.end.test", Type::kTlsa));
  assert_int_equal(r.hops[0].tlsa.at(0).usage, 2);
  h.fake.tlsa("_25._tcp.end.test", 3);
  assert_int_equal(h.find("d.test").hops[0].tlsa.at(0).usage, 3);
  h.fake.fails("_25._tcp.end.test", Type::kTlsa);
  assert_true(h.find("d.test").hops[0].tlsa_state == TlsaState::kFailed);
  // The end is not secure, the alias is: its own records count.
  h.fake.answers[{"alias.test", Type::kA}].secure = false;
  r = h.find("d.test");
  assert_true(!r.hops[0].secure && r.hops[0].tlsa_state == TlsaState::kSecure);
  h.fake.fails("alias.test", Type::kCname);
  assert_true(h.find("d.test").hops[0].tlsa_state == TlsaState::kFailed);
}

// --- limits -----------------------------------------------------------------------------------------

void caps(void**) {
  House h;
  h.fake.secure = true;
  for (unsigned i = 0; i < 200; i++) {
    const std::string name = "h" + std::to_string(i) + ".test";
    h.fake.mx("d.test", static_cast<uint16_t>(i), name);
    for (unsigned k = 0; k < 40; k++) h.fake.a(name, "192.0.2." + std::to_string(k));
    h.fake.alias(name, "e" + std::to_string(i) + ".test", Type::kAaaa);
  }
  const auto r = h.find("d.test");
  assert_int_equal(r.hops.size(), kMaxHops);
  assert_int_equal(r.hops[0].addresses.size(), kMaxHopAddresses);
  assert_true(h.fake.asked.size() <= kMaxFindQueries);
  // What was cut of the TLSA questions is not "none".
  assert_true(r.hops.back().tlsa_state == TlsaState::kFailed);
}

void equal_hosts_are_one(void**) {
  House h;
  h.fake.mx("d.test", 20, "a.test");
  h.fake.mx("d.test", 10, "a.test");
  h.fake.a("a.test", "192.0.2.1");
  const auto r = h.find("d.test");
  assert_int_equal(r.hops.size(), 1);
  assert_int_equal(r.hops[0].preference, 10);
}

void the_dead_are_forgotten(void**) {
  House h;
  FindHops q;
  q.name = "d.test";
  h.finder.find(kAsker, q);
  h.finder.forget(kAsker);
  for (int i = 0; i < 10; i++) h.loop.turn(false);
  assert_true(h.got.empty());
}

void too_many_at_once(void**) {
  House h;
  h.fake.silent.insert("d.test");
  FindHops q;
  q.name = "d.test";
  for (size_t i = 0; i < kMaxFinds; i++) h.finder.find(kAsker, q);
  assert_true(h.got.empty());
  h.finder.find(kAsker, q);
  assert_int_equal(h.got.size(), 1);
  assert_true(h.got[0].state == HopsState::kTemporary);
}

void every_answer_can_be_sent(void**) {
  House h;
  const std::string longest =
      std::string(63, 'a') + "." + std::string(63, 'b') + "." + std::string(63, 'c') + "." + std::string(61, 'd');
  h.fake.mx(longest, 1, "\\001" + longest + "." + longest);
  h.fake.mx("d.test", 1, longest);
  h.fake.answers[{longest, Type::kA}] = dns::failed(std::string(5000, '\n'));
  for (const auto& name : {longest, std::string("d.test"), std::string("."), std::string()}) {
    const Hops hops = h.find(name);
    imsg::Encoder e;  // ends the process at a text over its cap
    Hops::fields(e, hops);
    assert_true(e.bytes().size() < imsg::kMaxMessage);
  }
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {unit_test(orders_hosts),
                              unit_test(implicit_mx),
                              unit_test(null_mx),
                              unit_test(failures_are_temporary),
                              unit_test(families),
                              unit_test(nobodys_addresses),
                              unit_test(loops_by_name),
                              unit_test(loops_by_address),
                              unit_test(hosts),
                              unit_test(secure_hosts_have_tlsa),
                              unit_test(insecure_hosts_are_not_asked),
                              unit_test(aliases_and_tlsa),
                              unit_test(caps),
                              unit_test(equal_hosts_are_one),
                              unit_test(the_dead_are_forgotten),
                              unit_test(too_many_at_once),
                              unit_test(every_answer_can_be_sent)};
  return run_unit_tests(tests);
}
