// The first pass: listeners and rules.
// SPDX-License-Identifier: ISC
#include <algorithm>
#include <array>

#include "lib/base/limits.h"
#include "lib/base/text.h"
#include "lib/conf/accounts.h"
#include "lib/conf/names.h"
#include "lib/conf/network.h"
#include "lib/conf/parser.h"

namespace mailkeep::conf {
namespace {

std::optional<Protocol> find_protocol(const Token& token) {
  for (int i = 0; i < kProtocols; i++) {
    const auto protocol = static_cast<Protocol>(i);
    if (token.is(protocol_name(protocol))) return protocol;
  }
  return {};
}

bool is_network(std::string_view text) { return parse_network(text).has_value(); }
bool is_domain_pattern(std::string_view text) { return is_domain(text.rfind("*.", 0) == 0 ? text.substr(2) : text); }
bool is_address_pattern(std::string_view text) {
  const size_t at = text.rfind('@');
  return at != text.npos && at <= kMaxLocalPart && is_domain_pattern(text.substr(at + 1));
}
bool is_helo(std::string_view text) { return !text.empty() && text.size() <= kMaxDomain; }

const std::string kNetwork = "an address or a network";
const std::string kDomain = "a domain name, or *. and one";
const std::string kAddress = "an address, or @ and a domain name";

}  // namespace

// --- listen ----------------------------------------------------------------------------------------

static Sources* listener_sources(Listener& l, const Token& word) {
  return word.is("trust") ? &l.trust : word.is("proxy") ? &l.proxy : word.is("xclient") ? &l.xclient : nullptr;
}

bool Parser::parse_listen() {
  Listener out;
  bool has_protocol = false;
  uint16_t port = 0;
  if (!expect_word("on") || !parse_listen_where(out)) return false;
  while (!peek().ends_statement()) {
    const Token word = peek();
    if (const auto protocol = find_protocol(word); protocol && !has_protocol) {
      take();
      has_protocol = true;
      out.protocol = *protocol;
      out.position = position(word);
    } else if (word.is("port") && port == 0) {
      take();
      if (out.on == ListenOn::socket) return fail(word, "no port on a socket");
      if (!expect_port(port)) return false;
    } else if (word.is("pki") && out.pki.empty()) {
      take();
      if (!parse_listen_pki(out)) return false;
    } else if (word.is("tag") && out.tag.empty()) {
      take();
      if (!expect_name(out.tag, "the tag")) return false;
    } else if (Sources* const sources = listener_sources(out, word); sources != nullptr && !sources->any()) {
      take();
      if (!parse_sources(*sources)) return false;
    } else if (word.is("plaintext-ok") && !out.plaintext_ok) {
      take();
      out.plaintext_ok = true;
    } else {
      return fail_here(has_protocol ? "port, pki, tag, trust, proxy, xclient, plaintext-ok (each once) or end of line"
                                    : "port or smtp, submission, submissions, imap, imaps, sieve, lmtp");
    }
  }
  if (!has_protocol) return fail_here("smtp, submission, submissions, imap, imaps, sieve or lmtp");
  if (out.on != ListenOn::socket) out.port = port != 0 ? port : default_port(out.protocol);
  draft_.config.listeners.push_back(std::move(out));
  return true;
}

bool Parser::parse_sources(Sources& out) {
  if (peek().kind == TokenKind::table) return expect_table(out.table, RefKind::network_table);
  if (!peek().is_value() || !parse_network(peek().text)) return fail_here("a table, as <name>, an address or a network");
  out.networks.push_back(take().text);
  return true;
}

bool Parser::parse_listen_where(Listener& out) {
  constexpr size_t kMaxSocketPath = 107;  // sun_path of unix(7)
  const std::string expected = "all, socket, an address or an interface";
  const Token where = peek();
  if (!where.is_value()) return fail_here(expected);
  take();
  if (where.is("all")) return true;
  if (where.is("socket")) {
    out.on = ListenOn::socket;
    const Token at = peek();
    if (!expect_path(out.where)) return false;
    return out.where.size() <= kMaxSocketPath || fail(at, "a path of at most " + std::to_string(kMaxSocketPath) + " bytes");
  }
  out.where = where.text;
  out.on = parse_address(where.text) ? ListenOn::address : ListenOn::interface;
  return out.on == ListenOn::address || is_interface(where.text) || fail(where, expected);
}

bool Parser::parse_listen_pki(Listener& out) {
  std::vector<TableEntry> names;
  const Token at = peek();
  if (at.is('{')) {
    if (!parse_entries(names, is_name, "the name of a pki")) return false;
  } else {
    names.emplace_back();
    if (!expect_name(names[0].key, "the name of a pki")) return false;
  }
  if (names.size() > kMaxListenerPki) return fail(at, "at most " + std::to_string(kMaxListenerPki) + " pki for a listener");
  for (const auto& name : names) {
    refer(RefKind::pki, name.key, at);
    out.pki.push_back(name.key);
  }
  return true;
}

// --- match -----------------------------------------------------------------------------------------

bool Parser::parse_match(const Token& keyword) {
  Match match;
  match.position = position(keyword);
  bool has_from = false, has_for = false;
  while (!peek().is("action") && !peek().is("reject")) {
    const Token start = peek();
    const bool negated = start.is('!');
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
      if (match.tests.size() >= 16) return fail_here("at most 16 tests in a rule");
      match.tests.emplace_back().negated = negated;
      if (!parse_test(match)) return false;
    }
  }
  if (!has_from) return fail_here("from any, local, auth, socket, src or mail-from: no rule means it by itself");
  if (!has_for) return fail_here("for any, local, domain or rcpt-to: no rule means it by itself");
  const Token verdict = take();
  if (verdict.is("action")) {
    const Token at = peek();
    if (!expect_name(match.action, "the name of an action")) return false;
    refer(RefKind::action, match.action, at);
  } else {
    match.reject = true;
    if (peek().kind == TokenKind::string) {
      const Token text = take();
      const bool plain = std::all_of(text.text.begin(), text.text.end(), [](char c) { return c >= ' ' && c <= '~'; });
      if (!plain || text.text.size() > kMaxReplyText) {
        return fail(text, "at most " + std::to_string(kMaxReplyText) + " characters of printable ASCII");
      }
      match.reject_text = text.text;
    }
  }
  draft_.config.matches.push_back(std::move(match));
  return true;
}

bool Parser::parse_test(Match& match) {
  Test& test = match.tests.back();
  const Token word = peek();
  if (word.is("tag")) {
    take();
    test.kind = TestKind::tag;
    return expect_name(test.value, "the tag of a listener");
  }
  if (word.is("tls")) {
    take();
    test.kind = TestKind::tls;
    return true;
  }
  if (word.is("helo")) {
    take();
    test.kind = TestKind::helo;
    return expect_operand(test.value, test.table, RefKind::table, is_helo, "a name");
  }
  return fail_here("from or for (each once), tag, tls, helo, action or reject");
}

bool Parser::parse_source(Source& out) {
  struct Row {
    std::string_view word;
    SourceKind kind;
  };
  constexpr std::array<Row, 6> kRows = {{{"any", SourceKind::any},
                                         {"local", SourceKind::local},
                                         {"auth", SourceKind::auth},
                                         {"socket", SourceKind::socket},
                                         {"src", SourceKind::src},
                                         {"mail-from", SourceKind::mail_from}}};
  const auto row = std::find_if(kRows.begin(), kRows.end(), [&](const Row& r) { return peek().is(r.word); });
  if (row == kRows.end()) return fail_here("any, local, auth, socket, src or mail-from");
  take();
  out.kind = row->kind;
  if (out.kind == SourceKind::src) return expect_operand(out.value, out.table, RefKind::network_table, is_network, kNetwork);
  if (out.kind == SourceKind::mail_from) {
    return expect_operand(out.value, out.table, RefKind::address_table, is_address_pattern, kAddress);
  }
  const bool named = peek().kind == TokenKind::table || peek().kind == TokenKind::string || peek().is('{');
  if (out.kind == SourceKind::auth && named) {
    return expect_operand(out.value, out.table, RefKind::table, is_account_name, "an account");
  }
  return true;
}

bool Parser::parse_target(Target& out) {
  const Token word = peek();
  if (word.is("any") || word.is("local")) {
    take();
    out.kind = word.is("any") ? TargetKind::any : TargetKind::local;
    return true;
  }
  if (word.is("domain")) {
    take();
    out.kind = TargetKind::domain;
    return expect_operand(out.value, out.table, RefKind::domain_table, is_domain_pattern, kDomain);
  }
  if (word.is("rcpt-to")) {
    take();
    out.kind = TargetKind::rcpt_to;
    return expect_operand(out.value, out.table, RefKind::address_table, is_address_pattern, kAddress);
  }
  return fail_here("any, local, domain or rcpt-to");
}

}  // namespace mailkeep::conf
