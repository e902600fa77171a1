// The first pass: filters, which are asked while a client speaks. The words are those of OpenSMTPD's smtpd.conf(5).
// SPDX-License-Identifier: ISC
#include <algorithm>
#include <array>

#include "lib/base/limits.h"
#include "lib/conf/names.h"
#include "lib/conf/parser.h"

namespace mailkeep::conf {
namespace {

constexpr size_t kMaxTests = 16;
constexpr size_t kMaxFilters = 1000;

constexpr std::array<std::string_view, kPhases> kNames = {"connect", "helo", "ehlo",  "mail-from",
                                                          "rcpt-to", "data", "commit"};

std::optional<Phase> find_phase(const Token& token) {
  for (int i = 0; i < kPhases; i++) {
    if (token.is(kNames[static_cast<size_t>(i)])) return static_cast<Phase>(i);
  }
  return {};
}

// Whether that is known by then.
bool is_known(Subject subject, Phase phase) {
  switch (subject) {
    case Subject::helo: return phase >= Phase::helo;
    case Subject::auth:
    case Subject::mail_from: return phase >= Phase::mail_from;
    case Subject::rcpt_to: return phase == Phase::rcpt_to;
    default: return true;
  }
}

std::string known_in(Phase phase) {
  std::string out = "src, rdns, fcrdns, tag, tls";
  if (is_known(Subject::helo, phase)) out += ", helo";
  if (is_known(Subject::auth, phase)) out += ", auth, mail-from";
  if (is_known(Subject::rcpt_to, phase)) out += ", rcpt-to";
  return out;
}

}  // namespace

std::string_view phase_name(Phase phase) { return kNames[static_cast<size_t>(phase)]; }

bool Parser::parse_filter() {
  Filter out;
  const Token at = peek();
  out.position = position(at);
  if (!expect_name(out.name, "the filter's name")) return false;
  if (draft_.config.filter(out.name) != nullptr) return fail(at, "a name that no other filter has");
  if (draft_.config.filters.size() >= kMaxFilters)
    return fail(at, "at most " + std::to_string(kMaxFilters) + " filters");
  if (peek().is("chain")) {
    take();
    if (!parse_names(out.chain, RefKind::filter, "filter", kMaxListenerFilters)) return false;
  } else {
    if (!peek().is("phase")) return fail_here("phase or chain");
    take();
    const auto phase = find_phase(peek());
    if (!phase) return fail_here("connect, helo, ehlo, mail-from, rcpt-to, data or commit");
    out.phase = *phase;
    take();
    if (!expect_word("match") || !parse_filter_test(out) || !parse_decision(out)) return false;
  }
  draft_.config.filters.push_back(std::move(out));
  return true;
}

bool Parser::parse_filter_test(Filter& out) {
  const auto is_decision = [](const Token& t) {
    return t.is("reject") || t.is("disconnect") || t.is("junk") || t.is("bypass");
  };
  while (out.tests.empty() || !is_decision(peek())) {
    if (out.tests.size() >= kMaxTests) return fail_here("at most " + std::to_string(kMaxTests) + " tests in a filter");
    Condition& test = out.tests.emplace_back();
    test.negated = peek().is('!');
    if (test.negated) take();
    const Token word = peek();
    const std::string known = known_in(out.phase);
    if (!parse_condition(test, known + (out.tests.size() == 1 ? "" : ", reject, disconnect, junk or bypass")))
      return false;
    if (!is_known(test.subject, out.phase))
      return fail(word, known + ": what is known in phase " + std::string(phase_name(out.phase)));
  }
  return true;
}

bool Parser::parse_decision(Filter& out) {
  const Token word = take();
  out.decision = word.is("junk")         ? Decision::junk
                 : word.is("bypass")     ? Decision::bypass
                 : word.is("disconnect") ? Decision::disconnect
                                         : Decision::reject;
  if (out.decision == Decision::junk && out.phase == Phase::commit) {
    return fail(word, "reject, disconnect or bypass: in phase commit the message can no longer be marked");
  }
  if (out.decision == Decision::junk || out.decision == Decision::bypass) return true;
  if (peek().kind != TokenKind::string)
    return fail_here("the answer as a string, such as \"550 5.7.1 Not from there\"");
  Refusal reply;
  if (!parse_reply(take(), reply)) return false;
  out.code = reply.code;
  out.status = std::move(reply.status);
  out.text = reply.text.empty() ? "Refused by this server's rules" : std::move(reply.text);
  return true;
}

}  // namespace mailkeep::conf
