// The first pass: how senders of submissions are written to the world.
// SPDX-License-Identifier: ISC
#include "lib/base/limits.h"
#include "lib/base/text.h"
#include "lib/conf/names.h"
#include "lib/conf/parser.h"

namespace mailkeep::conf {
namespace {

constexpr size_t kMaxMasquerade = 1000;

bool is_local_part(std::string_view text) {
  return !text.empty() && text.size() <= kMaxLocalPart && text.find('@') == text.npos;
}

}  // namespace

bool Parser::parse_canonical(const Token& keyword) {
  return once("canonical", keyword) && parse_mapping(draft_.config.canonical.table, RefKind::canonical_table, keyword);
}

bool Parser::parse_masquerade(const Token& keyword) {
  Canonical& c = draft_.config.canonical;
  if (!once("masquerade", keyword) || !parse_texts(c.masquerade, is_domain, "a domain name")) return false;
  if (!peek().is("except")) return true;
  take();
  return parse_texts(c.except, is_local_part, "what stands before the @");
}

// A table's name, or entries key = value.
bool Parser::parse_mapping(std::string& table, RefKind kind, const Token& keyword) {
  const Token at = peek();
  if (!at.is('{')) {
    if (at.kind != TokenKind::table) return fail_here("a table, as <name>, or '{'");
    return expect_table(table, kind);
  }
  Table list = anonymous_table(at);
  if (!parse_entries(list.entries, nullptr, "")) return false;
  table = list.name;
  draft_.config.tables.push_back(std::move(list));
  refer(kind, table, keyword);
  return true;
}

// One, or a list; in lower case.
bool Parser::parse_texts(std::vector<std::string>& out, Operand is_valid, const std::string& expected) {
  std::vector<TableEntry> list;
  const Token at = peek();
  if (at.is('{')) {
    if (!parse_entries(list, is_valid, expected)) return false;
  } else {
    if (!at.is_value() || !is_valid(at.text)) return fail_here(expected + " or a list");
    list.push_back({take().text, ""});
  }
  if (list.size() > kMaxMasquerade) return fail(at, "at most " + std::to_string(kMaxMasquerade) + " of them");
  for (const auto& entry : list) out.push_back(lower(entry.key));
  return true;
}

}  // namespace mailkeep::conf
