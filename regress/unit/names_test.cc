// smtpd/lookup: the name of a client, from answers that the test gives.
// SPDX-License-Identifier: ISC
#include "smtpd/lookup/names.h"

#include "regress/unit/fake_dns.h"
#include "regress/unit/unit.h"

using namespace mailkeep;
using namespace mailkeep::lookup;
using dns::Answer;
using dns::State;
using dns::Type;

namespace {

struct House {
  House() : finder(loop, [this](imsg::PeerId, const ClientName& n) { got.push_back(n); }) { finder.set_source(&fake); }
  std::string find(const std::string& address) {
    constexpr std::array<const char*, 5> kStates = {"unasked", "failed", "none", "unconfirmed", "confirmed"};
    got.clear();
    FindName q;
    q.session = 7;
    q.address = address;
    finder.find({imsg::Role::kSmtpd, 0}, q);
    for (int i = 0; i < 20 && got.empty(); i++) loop.turn(false);
    if (got.size() != 1) return "nothing";
    assert_int_equal(got[0].session, 7);
    return std::string(kStates[static_cast<size_t>(got[0].state)]) + " " + got[0].name;
  }
  event::Loop loop;
  Fake fake{loop};
  std::vector<ClientName> got;
  NameFinder finder;
};

}  // namespace

static void reverse_names(void**) {
  assert_text(reverse_name("192.0.2.10"), "10.2.0.192.in-addr.arpa");
  assert_text(reverse_name("::ffff:192.0.2.10"), "10.2.0.192.in-addr.arpa");
  assert_text(reverse_name("2001:db8::1%eth0"),
              "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa");
  assert_text(reverse_name("local"), "");
}

static void forward_confirmed(void**) {
  House h;
  h.fake.data("10.2.0.192.in-addr.arpa", Type::kPtr).names = {"liar.test", "MX.far.test", "mx.far.test"};
  h.fake.data("liar.test", Type::kA).addresses = {"192.0.2.66"};
  assert_text(h.find("192.0.2.10"), "unconfirmed ");
  h.fake.data("MX.far.test", Type::kA).addresses = {"192.0.2.9", "192.0.2.10"};
  assert_text(h.find("192.0.2.10"), "confirmed mx.far.test");
  h.fake.data("1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa", Type::kPtr).names = {
      "six.test"};
  h.fake.data("six.test", Type::kAaaa).addresses = {"2001:db8:0::1"};
  assert_text(h.find("2001:db8::1"), "confirmed six.test");
  assert_int_equal(h.finder.running(), 0);
}

static void unknown(void**) {
  House h;
  assert_text(h.find("192.0.2.11"), "none ");
  assert_text(h.find("not an address"), "none ");
  h.fake.answers[{"12.2.0.192.in-addr.arpa", Type::kPtr}] = dns::failed("SERVFAIL");
  assert_text(h.find("192.0.2.12"), "failed ");
  h.fake.data("13.2.0.192.in-addr.arpa", Type::kPtr).names = {"a b", "evil\\010", "localhost", "x.test"};
  h.fake.answers[{"x.test", Type::kA}] = dns::failed("SERVFAIL");
  assert_text(h.find("192.0.2.13"), "failed ");
  h.fake.data("14.2.0.192.in-addr.arpa", Type::kPtr).names = std::vector<std::string>(50, "(evil).test");
  assert_text(h.find("192.0.2.14"), "unconfirmed ");
  h.finder.set_source(nullptr);
  assert_text(h.find("192.0.2.11"), "failed ");
}

// A flood of names costs a few questions; what is never answered is forgotten with its asker.
static void bounded(void**) {
  House h;
  auto& names = h.fake.data("15.2.0.192.in-addr.arpa", Type::kPtr).names;
  for (int i = 0; i < 500; i++) names.push_back("n" + std::to_string(i) + ".test");
  assert_text(h.find("192.0.2.15"), "unconfirmed ");
  assert_int_equal(h.fake.asked.size(), 1 + kMaxClientNames);
  h.fake.silent.insert("16.2.0.192.in-addr.arpa");
  assert_text(h.find("192.0.2.16"), "nothing");
  assert_int_equal(h.finder.running(), 1);
  h.finder.forget({imsg::Role::kSmtpd, 1});
  assert_int_equal(h.finder.running(), 1);
  h.finder.forget({imsg::Role::kSmtpd, 0});
  assert_int_equal(h.finder.running(), 0);
}

// Real time: the one test of the budget.
static void in_time(void**) {
  House h;
  h.fake.silent.insert("16.2.0.192.in-addr.arpa");
  FindName q;
  q.address = "192.0.2.16";
  const Micros start = now_monotonic();
  h.finder.find({imsg::Role::kSmtpd, 0}, q);
  while (h.got.empty() && now_monotonic() - start < Seconds(20)) h.loop.turn(true);
  assert_int_equal(h.got.size(), 1);
  assert_int_equal(h.got[0].state, NameState::kFailed);
  assert_true(now_monotonic() - start >= kNamePatience - Millis(50));
}

int main() {
  const CMUnitTest tests[] = {unit_test(reverse_names), unit_test(forward_confirmed), unit_test(unknown),
                              unit_test(bounded), unit_test(in_time)};
  return run_unit_tests(tests);
}
