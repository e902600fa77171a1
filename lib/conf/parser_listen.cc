// The first pass: listeners.
// SPDX-License-Identifier: ISC
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

Sources* listener_sources(Listener& l, const Token& word) {
  return word.is("trust") ? &l.trust : word.is("proxy") ? &l.proxy : word.is("xclient") ? &l.xclient : nullptr;
}

}  // namespace

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
      if (!parse_names(out.pki, RefKind::pki, "pki", kMaxListenerPki)) return false;
    } else if (word.is("filter") && out.filters.empty()) {
      take();
      if (!parse_names(out.filters, RefKind::filter, "filter", kMaxListenerFilters)) return false;
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
      return fail_here(has_protocol
                           ? "port, pki, tag, filter, trust, proxy, xclient, plaintext-ok (each once) or end of line"
                           : "port or smtp, submission, submissions, imap, imaps, sieve, lmtp, local");
    }
  }
  if (!has_protocol) return fail_here("smtp, submission, submissions, imap, imaps, sieve, lmtp or local");
  if (out.on != ListenOn::socket) out.port = port != 0 ? port : default_port(out.protocol);
  draft_.config.listeners.push_back(std::move(out));
  return true;
}

bool Parser::parse_sources(Sources& out) {
  if (peek().kind == TokenKind::table) return expect_table(out.table, RefKind::network_table);
  if (!peek().is_value() || !parse_network(peek().text))
    return fail_here("a table, as <name>, an address or a network");
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
    return out.where.size() <= kMaxSocketPath ||
           fail(at, "a path of at most " + std::to_string(kMaxSocketPath) + " bytes");
  }
  out.where = where.text;
  out.on = parse_address(where.text) ? ListenOn::address : ListenOn::interface;
  return out.on == ListenOn::address || is_interface(where.text) || fail(where, expected);
}

// A name, or a list of them, that the second pass looks up.
bool Parser::parse_names(std::vector<std::string>& out, RefKind kind, const std::string& what, size_t most) {
  std::vector<TableEntry> names;
  const Token at = peek();
  if (at.is('{')) {
    if (!parse_entries(names, is_name, "the name of a " + what)) return false;
  } else {
    names.emplace_back();
    if (!expect_name(names[0].key, "the name of a " + what)) return false;
  }
  if (names.size() > most) return fail(at, "at most " + std::to_string(most) + " names");
  for (const auto& name : names) {
    refer(kind, name.key, at);
    out.push_back(name.key);
  }
  return true;
}

}  // namespace mailkeep::conf
