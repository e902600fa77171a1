// smtpd/lookup: the filters of a listener, phase by phase.
// SPDX-License-Identifier: ISC
#include "smtpd/lookup/filters.h"

#include "regress/unit/lookup_fixture.h"

using conf::Phase;

namespace {

const std::string kFilters =
    "table bad { \"192.0.2.0/24\" }\n"
    "filter net phase connect match src <bad> disconnect \"554 5.7.1 not your network\"\n"
    "filter nameless phase connect match !fcrdns junk\n"
    "filter friend phase connect match src 198.51.100.7 bypass\n"
    "filter rest phase connect match src 198.51.100.0/24 reject \"450 4.7.1 later\"\n"
    "filter hello phase ehlo match helo regex \"^(a|a?)+$\" reject \"no\"\n"
    "filter sender phase mail-from match mail-from { \"@spam.test\" } !auth reject \"550 5.7.1 not from there\"\n"
    "filter trap phase rcpt-to match rcpt-to \"trap@mk.test\" disconnect \"550 5.1.1 gone\"\n"
    "filter big phase data match tag world junk\n"
    "listen on all smtp filter { net, nameless, friend, rest, hello, sender, trap, big }\n"
    "listen on all port 26 smtp\n";

std::string show(const Filtered& f) {
  std::string out = f.name.empty() ? "-" : f.name;
  if (f.is_junk) out += " junk";
  if (f.code != 0) out += " " + std::to_string(f.code) + " " + f.enhanced + " " + f.text;
  return out + (f.disconnects ? " ends" : "");
}

}  // namespace

static void first_that_refuses(void**) {
  const Ruleset rules = make_rules(kFilters, "", {"ann"});
  Facts f = from_world();
  const auto ask = [&](Phase phase, const std::string& to = "", uint32_t listener = 1) {
    return show(ask_filters(rules, listener, phase, f, to.empty() ? smtp::Mailbox{} : mailbox(to)));
  };
  assert_text(ask(Phase::connect), "net 554 5.7.1 not your network ends");
  assert_text(ask(Phase::connect, "", 2), "-");
  assert_text(ask(Phase::connect, "", 77), "-");
  assert_text(ask(Phase::helo), "-");
  f.source = conf::parse_address("203.0.113.1");
  assert_text(ask(Phase::connect), "nameless junk");
  f.name = "mx.far.test";
  assert_text(ask(Phase::connect), "-");
  f.source = conf::parse_address("198.51.100.7");
  assert_text(ask(Phase::connect), "friend");
  f.source = conf::parse_address("198.51.100.8");
  assert_text(ask(Phase::connect), "rest 450 4.7.1 later");
  f.name = "";
  assert_text(ask(Phase::connect), "rest junk 450 4.7.1 later");
  f.helo = "aaa";
  assert_text(ask(Phase::ehlo), "hello 550 5.7.1 no");
  f.helo = std::string(200, 'a') + "!";
  assert_text(ask(Phase::ehlo), "hello 451 4.3.5 a filter of this server takes too long for this, try again later");
  f.sender = smtp::Mailbox{"x", "Spam.Test"};
  assert_text(ask(Phase::mail_from), "sender 550 5.7.1 not from there");
  f.account = "ann";
  assert_text(ask(Phase::mail_from), "-");
  assert_text(ask(Phase::rcpt_to, "Trap@mk.test"), "trap 550 5.1.1 gone ends");
  assert_text(ask(Phase::rcpt_to, "ann@mk.test"), "-");
  f.tag = "world";
  assert_text(ask(Phase::data), "big junk");
}

// As messages they come from the parent; what no parser writes is refused.
static void from_messages(void**) {
  Draft draft;
  draft.config.generation = 1;
  Filter f;
  f.generation = 1;
  f.name = "f";
  f.phase = static_cast<uint16_t>(Phase::connect);
  f.code = 550;
  Criterion tls;
  tls.subject = static_cast<uint16_t>(conf::Subject::tls);
  f.tests.push_back(tls);
  Chain chain;
  chain.listener = 3;
  chain.filters = {"f"};
  draft.filters = {f};
  draft.chains = {chain};
  const auto error = [](const Draft& d) {
    const auto built = build_rules(d, nullptr);
    return built ? std::string() : built.error().text;
  };
  const auto built = build_rules(draft, nullptr);
  assert_true(built);
  Facts facts;
  facts.tls = true;
  assert_text(show(ask_filters(*built, 3, Phase::connect, facts, {})), "f 550  ");
  draft.chains[0].filters = {"g"};
  assert_text(error(draft), "a listener with an unknown filter: g");
  draft.chains.clear();
  draft.filters[0].code = 250;
  assert_text(error(draft), "a filter with a code that refuses nothing");
  draft.filters[0] = f;
  draft.filters[0].phase = 7;
  assert_text(error(draft), "a filter of an unknown kind");
}

int main() {
  const CMUnitTest tests[] = {unit_test(first_that_refuses), unit_test(from_messages)};
  return run_unit_tests(tests);
}
