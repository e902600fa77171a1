// The first pass: rules. The words are those of OpenSMTPD's smtpd.conf(5).
// SPDX-License-Identifier: ISC
#include <algorithm>
#include <array>

#include "lib/base/limits.h"
#include "lib/base/text.h"
#include "lib/conf/accounts.h"
#include "lib/conf/names.h"
#include "lib/conf/network.h"
#include "lib/conf/parser.h"
#include "lib/pattern/pattern.h"

namespace mailkeep::conf {
namespace {

constexpr size_t kMaxTests = 16;

bool is_network(std::string_view text) { return parse_network(text).has_value(); }
bool is_helo(std::string_view text) { return !text.empty() && text.size() <= kMaxDomain; }
bool is_pattern(std::string_view text) { return pattern::Pattern::compile(text).has_value(); }

struct Kind {
  std::string_view word;
  Subject subject;
  RefKind table;
  bool (*is_valid)(std::string_view);  // of an operand; nullptr: there is none
  std::string_view expected;
  bool needs_operand;
};
// What may stand after from, or as a test by itself.
constexpr std::array<Kind, 9> kKinds = {{
    {"src", Subject::src, RefKind::network_table, is_network, "an address or a network", true},
    {"rdns", Subject::rdns, RefKind::domain_table, is_domain_pattern, "a host name, or *. and a domain", false},
    {"auth", Subject::auth, RefKind::table, is_account_name, "an account", false},
    {"mail-from", Subject::mail_from, RefKind::address_table, is_address_pattern, "an address, or @ and a domain name",
     true},
    {"helo", Subject::helo, RefKind::table, is_helo, "a name", true},
    {"tag", Subject::tag, RefKind::table, is_name, "the tag of a listener", true},
    {"rcpt-to", Subject::rcpt_to, RefKind::address_table, is_address_pattern, "an address, or @ and a domain name",
     true},
    {"fcrdns", Subject::rdns, RefKind::domain_table, nullptr, "", false},
    {"tls", Subject::tls, RefKind::table, nullptr, "", false},
}};

const Kind* find_kind(const Token& token) {
  const auto it = std::find_if(kKinds.begin(), kKinds.end(), [&](const Kind& k) { return token.is(k.word); });
  return it == kKinds.end() ? nullptr : &*it;
}

}  // namespace

bool is_domain_pattern(std::string_view text) {
  return is_domain(text.rfind("*.", 0) == 0 ? text.substr(2) : text.rfind('.', 0) == 0 ? text.substr(1) : text);
}

bool is_address_pattern(std::string_view text) {
  if (text == "<>") return true;
  const size_t at = text.rfind('@');
  return at <= kMaxLocalPart && is_domain_pattern(text.substr(at + 1));
}

bool Parser::parse_match(const Token& keyword) {
  Match match;
  match.position = position(keyword);
  bool has_from = false, has_for = false;
  while (!peek().is("action") && !peek().is("reject")) {
    const bool negated = peek().is('!');
    if (negated) take();
    if (peek().is("from") && !has_from) {
      take();
      has_from = true;
      match.from.negated = negated;
      if (!parse_source(match.from)) return false;
    } else if (peek().is("for") && !has_for) {
      take();
      has_for = true;
      match.target.negated = negated;
      if (!parse_target(match.target)) return false;
    } else {
      if (match.tests.size() >= kMaxTests)
        return fail_here("at most " + std::to_string(kMaxTests) + " tests in a rule");
      Condition& test = match.tests.emplace_back();
      test.negated = negated;
      if (!parse_condition(
              test,
              "from or for (each once), auth, fcrdns, helo, mail-from, rcpt-to, rdns, src, tag, tls, action or reject"))
        return false;
    }
  }
  if (!has_from) return fail_here("from any, local, auth, socket, src, rdns or mail-from: no rule means it by itself");
  if (!has_for) return fail_here("for any, local, domain or rcpt-to: no rule means it by itself");
  const Token verdict = take();
  if (verdict.is("action")) {
    const Token at = peek();
    if (!expect_name(match.action, "the name of an action")) return false;
    refer(RefKind::action, match.action, at);
  } else if (!parse_reject(match)) {
    return false;
  }
  draft_.config.matches.push_back(std::move(match));
  return true;
}

// [ string ]; the string may begin with a code of SMTP, and then with one of RFC 3463.
bool Parser::parse_reject(Match& match) {
  match.reject = true;
  if (peek().kind != TokenKind::string) return true;
  Refusal reply;
  if (!parse_reply(take(), reply)) return false;
  match.reject_code = reply.code;
  match.reject_status = std::move(reply.status);
  match.reject_text = std::move(reply.text);
  return true;
}

bool Parser::parse_reply(const Token& at, Refusal& out) {
  const bool plain = std::all_of(at.text.begin(), at.text.end(), [](char c) { return c >= ' ' && c <= '~'; });
  if (!plain || at.text.size() > kMaxReplyText) {
    return fail(at, "at most " + std::to_string(kMaxReplyText) + " characters of printable ASCII");
  }
  auto reply = parse_refusal(at.text);
  if (!reply) return fail(at, reply.error().text);
  out = std::move(*reply);
  return true;
}

bool Parser::parse_source(Condition& out) {
  struct Row {
    std::string_view word;
    Subject subject;
  };
  constexpr std::array<Row, 3> kRows = {
      {{"any", Subject::any}, {"local", Subject::local}, {"socket", Subject::socket}}};
  const std::string expected = "any, local, auth, socket, src, rdns or mail-from";
  for (const Row& row : kRows) {
    if (!peek().is(row.word)) continue;
    take();
    out.subject = row.subject;
    return true;
  }
  if (peek().is("tls") || peek().is("rcpt-to") || peek().is("helo") || peek().is("tag")) return fail_here(expected);
  return parse_condition(out, expected);
}

bool Parser::parse_target(Condition& out) {
  const Token word = peek();
  if (word.is("any") || word.is("local")) {
    take();
    out.subject = word.is("any") ? Subject::any : Subject::ours;
    return true;
  }
  if (word.is("domain")) {
    take();
    out.subject = Subject::domain;
    return parse_operand(out, RefKind::domain_table, is_domain_pattern, "a domain name, or *. and one");
  }
  if (word.is("rcpt-to")) return parse_condition(out, "");
  return fail_here("any, local, domain or rcpt-to");
}

bool Parser::parse_condition(Condition& out, std::string_view expected) {
  const Kind* kind = find_kind(peek());
  if (kind == nullptr) return fail_here(std::string(expected));
  take();
  out.subject = kind->subject;
  if (kind->is_valid == nullptr) return true;
  // A word behind rdns or auth is the next test.
  const Token& next = peek();
  const bool has_operand =
      next.kind == TokenKind::table || next.kind == TokenKind::string || next.is('{') || next.is("regex");
  if (!kind->needs_operand && !has_operand) return true;
  return parse_operand(out, kind->table, kind->is_valid, std::string(kind->expected));
}

// Patterns are always in a table: lookup compiles the tables.
bool Parser::parse_operand(Condition& out, RefKind kind, Operand is_valid, const std::string& expected) {
  if (!peek().is("regex")) return expect_operand(out.value, out.table, kind, is_valid, expected);
  take();
  out.regex = true;
  const Token at = peek();
  if (at.is_value()) {
    const auto compiled = pattern::Pattern::compile(at.text);
    if (!compiled) return fail(at, "a regular expression (" + compiled.error().text + ")");
    Table list = anonymous_table(at);
    list.entries.push_back({take().text, ""});
    out.table = list.name;
    draft_.config.tables.push_back(std::move(list));
    return true;
  }
  return expect_operand(out.value, out.table, RefKind::pattern_table, is_pattern, "a regular expression");
}

Result<Refusal> parse_refusal(std::string_view text) {
  Refusal out;
  const auto is_digits = [](std::string_view s) {
    return !s.empty() && s.size() <= 3 && s.find_first_not_of("0123456789") == s.npos;
  };
  std::string_view word = text.substr(0, text.find(' '));
  if (word.size() == 3 && is_digits(word)) {
    if (word[0] != '4' && word[0] != '5') return Error("a code of SMTP from 400 to 599, if one");
    out.code = static_cast<uint16_t>((word[0] - '0') * 100 + (word[1] - '0') * 10 + (word[2] - '0'));
    out.status = word[0] == '4' ? "4.7.1" : "5.7.1";
    text = trim(text.substr(3));
    word = text.substr(0, text.find(' '));
    const auto parts = split(word, '.');
    if (parts.size() == 3 && std::all_of(parts.begin(), parts.end(), is_digits)) {
      if (word[0] != out.status[0] || parts[0].size() != 1)
        return Error("a status of RFC 3463 that begins as its code does");
      out.status = word;
      text = trim(text.substr(word.size()));
    }
  }
  if (text.empty()) return Error("words, which the client gets to read");
  out.text = text;
  return out;
}

}  // namespace mailkeep::conf
