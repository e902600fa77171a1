// lib/dns: libunbound on our loop against a DNS server of the test's: answers, signatures, failures, time and number.
// SPDX-License-Identifier: ISC
#include "lib/dns/resolver.h"

#include <memory>

#include "lib/base/text.h"

#include "regress/unit/dns_fixture.h"

using namespace mailkeep;
using namespace mailkeep::dns;

namespace {

std::unique_ptr<DnsServer> server;

struct House {
  explicit House(const Settings& settings) {
    auto made = Resolver::create(loop, settings, [this](bool on, const std::string&) { decisions += on ? '+' : '-'; });
    if (!made) fail_msg("%s", made.error().text.c_str());
    resolver = std::move(*made);
  }
  Answer ask(const std::string& name, Type type) {
    Answer out;
    bool done = false;
    resolver->ask(name, type, [&](const Answer& a) {
      out = a;
      done = true;
    });
    assert_false(done);
    while (!done) loop.turn();
    return out;
  }
  event::Loop loop;
  std::string decisions;
  std::unique_ptr<Resolver> resolver;
};

size_t count(std::string_view text, std::string_view what) {
  size_t n = 0;
  for (size_t at = 0; (at = text.find(what, at)) != text.npos; at++) n++;
  return n;
}

void answers_without_signatures(void**) {
  House h(server->settings());
  const auto mx = h.ask("Plain.Test.", Type::kMx);
  assert_true(mx.state == State::kData && !mx.secure && !mx.is_alias);
  assert_int_equal(mx.mx.size(), 2);
  assert_text(h.ask("mx1.plain.test", Type::kA).addresses.at(0), "192.0.2.1");
  assert_text(h.ask("mx1.plain.test", Type::kAaaa).addresses.at(0), "2001:db8::1");
  const auto alias = h.ask("alias.test", Type::kMx);
  assert_true(alias.is_alias && alias.mx.size() == 2);
  assert_text(alias.canonical, "plain.test");
  assert_text(h.ask("text.test", Type::kTxt).texts.at(0), "one text");
  assert_true(h.ask("nothing.test", Type::kMx).state == State::kNoData);
  assert_true(h.ask("no.such.test", Type::kMx).state == State::kNoDomain);
  assert_text(h.ask("null.test", Type::kMx).mx.at(0).host, "");
}

void answers_with_signatures(void**) {
  House h(server->settings());
  const auto mx = h.ask("signed", Type::kMx);
  assert_true(mx.state == State::kData && mx.secure);
  assert_true(h.ask("mx.signed", Type::kAaaa).secure);
  const auto tlsa = h.ask("_25._tcp.mx.signed", Type::kTlsa);
  assert_true(tlsa.secure && tlsa.tlsa.size() == 1);
  assert_int_equal(tlsa.tlsa[0].data.size(), 32);
  const auto alias = h.ask("mxalias.signed", Type::kA);
  assert_true(alias.secure && alias.is_alias);
  // Denials are validated too.
  const auto no_data = h.ask("nothing.signed", Type::kMx);
  assert_true(no_data.state == State::kNoData && no_data.secure);
  const auto no_name = h.ask("no.such.signed", Type::kMx);
  assert_true(no_name.state == State::kNoDomain && no_name.secure);
  // Below an unsigned delegation all is there and nothing is secure.
  const auto below = h.ask("unsigned.signed", Type::kMx);
  assert_true(below.state == State::kData && !below.secure);
  // An alias out of the signed zone is no more secure than its end.
  assert_false(h.ask("mxout.signed", Type::kA).secure);
  assert_true(h.ask("mxout.signed", Type::kCname).secure);
}

void wrong_signatures_fail(void**) {
  House h(server->settings());
  for (const char* name : {"bogus.signed", "mx.bogus.signed", "expired.signed", "no.such.bogus.signed"}) {
    const auto a = h.ask(name, Type::kMx);
    assert_true(a.state == State::kFailed && !a.secure && a.mx.empty());
    assert_true(a.why.find("DNSSEC") == 0);
  }
  assert_int_equal(h.resolver->counts().bogus, 4);
  // An exception made by the administrator.
  Settings s = server->settings();
  s.engine.insecure_domains = {"bogus.signed"};
  House lax(s);
  const auto a = lax.ask("bogus.signed", Type::kMx);
  assert_true(a.state == State::kData && !a.secure);
}

void failures_are_no_denials(void**) {
  House h(server->settings());
  for (const char* name : {"servfail.test", "refused.test", "garbage.test", "nobody.elsewhere"}) {
    assert_true(h.ask(name, Type::kMx).state == State::kFailed);
  }
}

void silence_ends_in_time(void**) {
  House h(server->settings());
  const Micros began = now_monotonic();
  const auto a = h.ask("slow.test", Type::kMx);
  const auto took = now_monotonic() - began;
  assert_true(a.state == State::kFailed);
  assert_true(took > Seconds(1) && took < kQueryPatience + Seconds(1));
}

// A server that cannot find out about some names is not down: the others are still asked of it, and at once.
void silent_names_do_not_spoil_others(void**) {
  House h(server->settings());
  for (int round = 0; round < 3; round++) {
    size_t silent = 0;
    for (int i = 0; i < 60; i++) {
      h.resolver->ask("r" + std::to_string(round) + "x" + std::to_string(i) + ".slow.test", Type::kMx,
                      [&](const Answer&) { silent++; });
    }
    size_t good = 0, asked = 0;
    Micros longest{0};
    while (silent < 60) {
      h.loop.turn();
      if (asked > good || asked == 20) continue;
      const Micros began = now_monotonic();
      h.resolver->ask("y" + std::to_string(round * 1000 + static_cast<int>(asked++)) + ".plain.test", Type::kA,
                      [&, began](const Answer& a) {
                        longest = std::max(longest, now_monotonic() - began);
                        if (a.state == State::kNoDomain) good++;
                      });
    }
    const auto after = h.ask("z" + std::to_string(round) + ".plain.test", Type::kA);
    assert_true(after.state == State::kNoDomain);
    assert_int_equal(good, asked);
    print_message("round %d: %zu others, the longest took %lld ms\n", round, asked,
                  static_cast<long long>(longest.count() / 1000));
  }
}

void truncation_goes_to_tcp(void**) {
  House h(server->settings());
  assert_true(h.ask("big.test", Type::kMx).state == State::kData);
  assert_int_equal(count(server->queries(), "tcp big.test. MX\n"), 1);
}

void keeps_answers(void**) {
  House h(server->settings());
  const size_t before = count(server->queries(), "text.test. TXT\n");
  for (int i = 0; i < 5; i++) assert_true(h.ask("text.test", Type::kTxt).state == State::kData);
  assert_int_equal(count(server->queries(), "text.test. TXT\n"), before + 1);
}

// More than may run at once: each gets its turn and its answer.
void many_at_once(void**) {
  Settings few = server->settings();
  few.max_running = 8;
  House h(few);
  size_t done = 0, good = 0;
  constexpr size_t kMany = 80;
  for (size_t i = 0; i < kMany; i++) {
    h.resolver->ask("x" + std::to_string(i) + ".plain.test", Type::kA, [&](const Answer& a) {
      done++;
      if (a.state == State::kNoDomain) good++;
    });
  }
  while (done < kMany) h.loop.turn();
  assert_int_equal(good, kMany);
  assert_true(h.resolver->is_idle());
}

void local_names(void**) {
  Settings s = server->settings();
  s.hosts = "192.0.2.77 smart\n192.0.2.78 plain.test\n";
  House h(s);
  assert_text(h.ask("smart", Type::kA).addresses.at(0), "192.0.2.77");
  assert_true(h.ask("smart", Type::kAaaa).state == State::kNoData);
  assert_true(h.ask("smart", Type::kMx).state == State::kNoData);
  assert_text(h.ask("localhost", Type::kAaaa).addresses.at(0), "::1");
  assert_true(h.ask("plain.test", Type::kA).state == State::kNoData);
}

// --- kAuto ------------------------------------------------------------------------------------------

void auto_validates_where_it_can(void**) {
  DnsServer root("zone . signed\nmail.test MX 10 mx\n");
  House h(root.settings(Validation::kAuto));
  assert_true(h.ask("mail.test", Type::kMx).secure);
  assert_text(h.decisions, "+");
}

void auto_does_without(void**) {
  for (const char* zones : {"zone .\nmail.test MX 10 mx\n", "zone test.\nmail MX 10 mx\n",
                            "zone .\nmail.test MX 10 mx\nbehave ./SOA servfail\n"}) {
    DnsServer root(zones);
    Settings s = root.settings(Validation::kAuto);
    s.engine.trust_anchors = kRootAnchors;
    House h(s);
    const auto a = h.ask("mail.test", Type::kMx);
    assert_true(a.state == State::kData && !a.secure);
    assert_text(h.decisions, "-");
    assert_true(h.ask("mail.test", Type::kMx).state == State::kData);
    assert_text(h.decisions, "-");
    s.validation = Validation::kOn;
    House strict(s);
    assert_true(strict.ask("mail.test", Type::kMx).state == State::kFailed);
    s.validation = Validation::kOff;
    House off(s);
    assert_true(off.ask("mail.test", Type::kMx).state == State::kData);
  }
}

void bad_settings_are_told(void**) {
  event::Loop loop;
  Settings s = server->settings();
  s.engine.trust_anchors = "nonsense\n";
  assert_false(Resolver::create(loop, s, {}));
  s.engine.trust_anchors = ". DS 20326 8 2 zz\n";
  assert_false(Resolver::create(loop, s, {}));
}

// libunbound calls back for what is left when its context goes; whoever asked is gone by then.
void ends_with_questions_under_way(void**) {
  event::Loop loop;
  size_t answered = 0;
  {
    auto engine = Engine::create(loop, server->settings().engine, [&](uint64_t, Answer&&, bool) { answered++; });
    assert_true(engine);
    for (uint64_t i = 1; i <= 5; i++) (*engine)->ask(i, "e" + std::to_string(i) + ".slow.test", Type::kMx);
    const Micros end = now_monotonic() + Millis(100);
    event::Timer wake(loop, [] {});
    while (now_monotonic() < end) {
      wake.set(Millis(20));
      loop.turn();
    }
    assert_int_equal((*engine)->running(), 5);
  }
  assert_int_equal(answered, 0);
}

int start(void**) { return server = std::make_unique<DnsServer>(), 0; }
int stop(void**) { return server.reset(), 0; }

}  // namespace

int main() {
  const CMUnitTest tests[] = {unit_test(answers_without_signatures),
                              unit_test(answers_with_signatures),
                              unit_test(wrong_signatures_fail),
                              unit_test(failures_are_no_denials),
                              unit_test(silence_ends_in_time),
                              unit_test(truncation_goes_to_tcp),
                              unit_test(silent_names_do_not_spoil_others),
                              unit_test(keeps_answers),
                              unit_test(many_at_once),
                              unit_test(local_names),
                              unit_test(auto_validates_where_it_can),
                              unit_test(auto_does_without),
                              unit_test(bad_settings_are_told),
                              unit_test(ends_with_questions_under_way)};
  return cmocka_run_group_tests(tests, start, stop);
}
