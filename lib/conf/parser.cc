// The first pass: tokens with macros expanded, error recovery, and the statements that name things.
// SPDX-License-Identifier: ISC
#include "lib/conf/parser.h"

#include <algorithm>

#include "lib/base/limits.h"
#include "lib/base/text.h"
#include "lib/conf/names.h"
#include "lib/conf/network.h"

namespace mailkeep::conf {
namespace {

constexpr size_t kMaxMacroTokens = 1000;
constexpr size_t kMaxExpandedTokens = 200'000;

bool any_value(std::string_view) { return true; }

std::string beside(const std::string& file, const std::string& path) {
  const size_t slash = file.rfind('/');
  return path[0] == '/' || slash == file.npos ? path : file.substr(0, slash + 1) + path;
}

}  // namespace

std::string complaint(const Position& at, const std::string& found, const std::string& expected) {
  return to_string(at) + ": found " + found + ", expected " + expected;
}

// --- tokens ----------------------------------------------------------------------------------------

void Parser::read_token() {
  Token token = lexer_->next();
  if (token.kind != TokenKind::macro || !expand(token)) pending_.push_back(std::move(token));
}

// Puts the words of a macro in its place; false leaves the token as it is, to be refused where it stands.
bool Parser::expand(const Token& macro) {
  const auto it = macros_.find(macro.text);
  if (it == macros_.end() || expanded_ + it->second.size() > kMaxExpandedTokens) return false;
  expanded_ += it->second.size();
  for (Token token : it->second) {
    token.line = macro.line;
    token.column = macro.column;
    pending_.push_back(std::move(token));
  }
  return true;
}

const Token& Parser::peek() {
  while (pending_.empty()) read_token();
  return pending_.front();
}

Token Parser::take() {
  Token token = peek();
  pending_.pop_front();
  if (token.is('{')) braces_++;
  if (token.is('}')) braces_--;
  return token;
}

bool Parser::fail(const Token& token, const std::string& expected) {
  std::string found = describe(token);
  if (token.kind == TokenKind::macro)
    found += macros_.count(token.text) == 0 ? ", which is not defined above" : ", a macro too many";
  draft_.errors.push_back(complaint(position(token), found, expected));
  return false;
}
bool Parser::fail_here(const std::string& expected) { return fail(peek(), expected); }

void Parser::skip_statement() {
  while (peek().kind != TokenKind::end && (peek().kind != TokenKind::newline || braces_ > 0)) take();
  braces_ = 0;
}

// --- statements ------------------------------------------------------------------------------------

void Parser::parse(std::string_view text, const std::string& name, int depth) {
  Lexer lexer(text);
  const std::string outer_file = std::exchange(file_, name);
  Lexer* const outer_lexer = std::exchange(lexer_, &lexer);
  const std::deque<Token> outer_pending = std::exchange(pending_, {});
  const int outer_depth = std::exchange(depth_, depth);
  braces_ = 0;
  while (peek().kind != TokenKind::end && draft_.errors.size() < kMaxErrors) {
    if (peek().kind == TokenKind::newline) {
      take();
    } else if (!parse_statement() || (!peek().ends_statement() && !fail_here("end of line"))) {
      skip_statement();
    }
  }
  file_ = outer_file;
  lexer_ = outer_lexer;
  pending_ = outer_pending;
  depth_ = outer_depth;
}

bool Parser::parse_statement() {
  if (++statements_ > kMaxStatements) return fail_here("at most " + std::to_string(kMaxStatements) + " statements");
  const Token first = take();
  if (first.kind == TokenKind::word && peek().is('=')) return parse_macro(first);
  if (first.is("include")) return parse_include(first);
  if (first.is("domain")) return parse_domain();
  if (first.is("pki")) return parse_pki();
  if (first.is("table")) return parse_table();
  if (first.is("listen")) return parse_listen();
  if (first.is("auth")) return parse_auth(first);
  if (first.is("resolver")) return parse_resolver();
  if (first.is("srs")) return parse_srs();
  if (first.is("uid-range")) return parse_uid_range(first);
  if (first.is("action")) return parse_action();
  if (first.is("match")) return parse_match(first);
  if (first.is("canonical")) return parse_canonical(first);
  if (first.is("masquerade")) return parse_masquerade(first);
  if (first.is("filter")) return parse_filter();
  if (first.is("provider")) return parse_provider();
  if (first.is("tls-policy")) return parse_tls_policy(first);
  const Option* option = first.kind == TokenKind::word ? find_option(first.text) : nullptr;
  if (option != nullptr) return parse_option(first, *option);
  return fail(first,
              "action, auth, canonical, domain, filter, include, listen, masquerade, match, pki, provider, resolver, "
              "srs, table, tls-policy, uid-range, the name of an option "
              "or a macro's name and '='");
}

// The value is cut into words here, once; a macro in it must be known already.
bool Parser::parse_macro(const Token& name) {
  if (!is_name(name.text)) return fail(name, "a macro's name of letters, digits, '-', '_' and '.'");
  take();
  std::string text;
  const Token at = peek();
  if (!at.is_value()) return fail_here("the macro's value");
  while (peek().is_value()) text += (text.empty() ? "" : " ") + take().text;
  std::vector<Token> words;
  Lexer lexer(text);
  for (Token token = lexer.next(); token.kind != TokenKind::end; token = lexer.next()) {
    if (token.kind == TokenKind::bad || token.kind == TokenKind::newline)
      return fail(at, "a value without " + describe(token));
    if (token.kind != TokenKind::macro) {
      words.push_back(std::move(token));
    } else if (const auto it = macros_.find(token.text); it != macros_.end()) {
      words.insert(words.end(), it->second.begin(), it->second.end());
    } else {
      return fail(at, "a value without $" + token.text + ", which is not defined");
    }
    if (words.size() > kMaxMacroTokens)
      return fail(at, "a value of at most " + std::to_string(kMaxMacroTokens) + " words");
  }
  macros_[name.text] = std::move(words);
  return true;
}

bool Parser::parse_include(const Token& keyword) {
  const Token at = peek();
  std::string path;
  if (!expect_value(path, "the path of a file")) return false;
  if (path.empty()) return fail(at, "the path of a file");
  if (!peek().ends_statement()) return fail_here("end of line");
  if (depth_ >= kMaxIncludeDepth)
    return fail(keyword, "files included at most " + std::to_string(kMaxIncludeDepth) + " deep");
  if (++includes_ > kMaxIncludes) return fail(keyword, "at most " + std::to_string(kMaxIncludes) + " included files");
  path = beside(file_, path);
  const auto text = read_(path);
  if (!text) return fail(at, "a file that can be read (" + text.error().text + ")");
  parse(*text, path, depth_ + 1);
  return true;
}

bool Parser::parse_domain() {
  const std::string expected = "a domain name";
  const Token start = peek();
  std::vector<TableEntry> list;
  if (peek().is('{')) {
    if (!parse_entries(list, is_domain, expected)) return false;
  } else {
    do {
      const Token at = peek();
      if (!at.is_value() || !is_domain(at.text)) return fail_here(expected);
      list.push_back({take().text, ""});
    } while (!peek().ends_statement() && !peek().is("alias-of"));
  }
  std::string of;
  if (peek().is("alias-of") && (take(), !expect_host(of))) return false;
  auto& domains = draft_.config.domains;
  for (const auto& entry : list) {
    const std::string name = lower(entry.key);
    if (!seen_.insert("domain " + name).second) continue;
    domain_bytes_ += name.size();
    if (domains.size() >= kMaxDomains || domain_bytes_ > kMaxDomainBytes) {
      return fail(start, "at most " + std::to_string(kMaxDomains) + " domains of " + std::to_string(kMaxDomainBytes) +
                             " bytes in all");
    }
    domains.push_back(name);
    if (!of.empty()) draft_.config.domain_aliases.push_back({name, lower(of), position(start)});
  }
  return true;
}

bool Parser::parse_pki() {
  const Token at = peek();
  std::string name;
  if (!expect_name(name, "the pki's name")) return false;
  auto& all = draft_.config.pki;
  auto it = std::find_if(all.begin(), all.end(), [&](const Pki& p) { return p.name == name; });
  if (it == all.end()) it = all.insert(it, Pki{name, "", "", position(at)});
  do {
    const Token part = peek();
    if (!part.is("cert") && !part.is("key")) return fail_here("cert or key");
    take();
    std::string& path = part.is("cert") ? it->cert : it->key;
    if (!path.empty()) return fail(part, "one " + part.text + " for pki " + name);
    if (!expect_path(path)) return false;
  } while (!peek().ends_statement());
  return true;
}

bool Parser::parse_table() {
  Table table;
  table.position = position(peek());
  const Token at = peek();
  if (!expect_name(table.name, "the table's name")) return false;
  if (draft_.config.table(table.name) != nullptr) return fail(at, "a name that no other table has");
  if (peek().is('{')) {
    if (!parse_entries(table.entries, nullptr, "")) return false;
  } else {
    const std::string expected = "file: or db: and a path, or '{'";
    const Token source = peek();
    const std::string kind = source.text.substr(0, source.text.find(':') + 1);
    if (!source.is_value() || (kind != "file:" && kind != "db:")) return fail_here(expected);
    take();
    table.kind = kind == "file:" ? TableKind::file : TableKind::db;
    table.path = source.text.substr(kind.size());
    if (table.path.empty()) {
      if (!expect_path(table.path)) return false;
    } else if (!is_absolute_path(table.path)) {
      return fail(source, "an absolute path after " + kind);
    }
  }
  draft_.config.tables.push_back(std::move(table));
  return true;
}

bool Parser::parse_option(const Token& name, const Option& option) {
  if (!once(name.text, name)) return false;
  const Token value = peek();
  if (!value.is_value() || !set_option(draft_.config.options, option, value.text))
    return fail_here(expected_value(option));
  take();
  return true;
}

bool Parser::parse_auth(const Token& keyword) {
  if (!once("auth", keyword)) return false;
  Auth& auth = draft_.config.auth;
  auth.position = position(keyword);
  const Token how = peek();
  if (!how.is("system") && !how.is("table")) return fail_here("system or table");
  take();
  auth.kind = how.is("system") ? AuthKind::system : AuthKind::table;
  return how.is("system") || expect_table(auth.table, RefKind::table);
}

bool Parser::parse_resolver() {
  Resolver resolver;
  if (draft_.config.resolvers.size() >= kMaxResolvers)
    return fail_here("at most " + std::to_string(kMaxResolvers) + " resolvers");
  if (!peek().is_value() || !parse_address(peek().text)) return fail_here("the address of a resolver");
  resolver.address = take().text;
  if (peek().is("port")) {
    take();
    if (!expect_port(resolver.port)) return false;
  }
  draft_.config.resolvers.push_back(resolver);
  return true;
}

bool Parser::parse_uid_range(const Token& keyword) {
  constexpr uint64_t kLeast = 1000, kMost = 4'294'967'293;
  if (!once("uid-range", keyword)) return false;
  const std::string text = peek().is_value() ? peek().text : "";
  const size_t dash = text.find('-');
  const uint64_t first = parse_u64(text.substr(0, dash), kMost).value_or(0);
  const uint64_t last = dash == text.npos ? 0 : parse_u64(text.substr(dash + 1), kMost).value_or(0);
  if (first < kLeast || first > last) {
    return fail_here("two uids, such as 200000-299999, from " + std::to_string(kLeast) + " on");
  }
  take();
  draft_.config.uid_range = UidRange{static_cast<uint32_t>(first), static_cast<uint32_t>(last)};
  return true;
}

// --- parts of statements ---------------------------------------------------------------------------

bool Parser::expect_word(std::string_view word) {
  if (!peek().is(word)) return fail_here(std::string(word));
  take();
  return true;
}

bool Parser::expect_value(std::string& out, const std::string& expected) {
  if (!peek().is_value()) return fail_here(expected);
  out = take().text;
  return true;
}

bool Parser::expect_name(std::string& out, const std::string& what) {
  if (!peek().is_value() || !is_name(peek().text)) return fail_here(what + " of letters, digits, '-', '_' and '.'");
  out = take().text;
  return true;
}

bool Parser::expect_path(std::string& out) {
  if (!peek().is_value() || !is_absolute_path(peek().text)) return fail_here("an absolute path");
  out = take().text;
  return true;
}

bool Parser::expect_table(std::string& out, RefKind kind) {
  if (peek().kind != TokenKind::table) return fail_here("a table, as <name>");
  const Token token = take();
  out = token.text;
  refer(kind, out, token);
  return true;
}

bool Parser::expect_port(uint16_t& out) {
  const auto n = peek().is_value() ? parse_u64(peek().text, 65535) : std::nullopt;
  if (!n || *n == 0) return fail_here("a port from 1 to 65535");
  take();
  out = static_cast<uint16_t>(*n);
  return true;
}

// No file can write its name.
Table Parser::anonymous_table(const Token& at) const {
  Table out;
  out.name = "#" + std::to_string(draft_.config.tables.size() + 1);
  out.position = position(at);
  return out;
}

bool Parser::expect_operand(std::string& value, std::string& table, RefKind kind, Operand is_valid,
                            const std::string& expected) {
  const Token at = peek();
  if (at.kind == TokenKind::table) return expect_table(table, kind);
  if (at.is('{')) {
    Table list = anonymous_table(at);
    if (!parse_entries(list.entries, is_valid, expected)) return false;
    table = list.name;
    draft_.config.tables.push_back(std::move(list));
    return true;
  }
  if (!at.is_value() || !is_valid(at.text)) return fail_here(expected + ", a table or a list");
  value = take().text;
  return true;
}

bool Parser::parse_entries(std::vector<TableEntry>& out, Operand is_valid, const std::string& expected) {
  const std::string what = is_valid != nullptr ? expected : "a value";
  const auto valid = is_valid != nullptr ? is_valid : any_value;
  const auto skip_newlines = [&] {
    while (peek().kind == TokenKind::newline) take();
  };
  take();
  for (skip_newlines(); !peek().is('}'); skip_newlines()) {
    if (++entries_ > kMaxTableEntries) return fail_here("at most " + std::to_string(kMaxTableEntries) + " entries");
    TableEntry entry;
    if (!peek().is_value() || !valid(peek().text)) return fail_here(what);
    entry.key = take().text;
    skip_newlines();
    if (is_valid == nullptr && peek().is('=')) {
      take();
      skip_newlines();
      if (!expect_value(entry.value, "the value of '" + printable(entry.key, 60) + "'")) return false;
      skip_newlines();
    }
    const bool first_has_value = !out.empty() && !out.front().value.empty();
    if (!out.empty() && first_has_value != !entry.value.empty())
      return fail_here("entries that are all values, or all key = value");
    out.push_back(std::move(entry));
    if (peek().is('}')) break;
    if (!peek().is(',')) return fail_here("',' or '}'");
    take();
  }
  if (is_valid != nullptr && out.empty()) return fail_here(what);
  take();
  return true;
}

void Parser::refer(RefKind kind, const std::string& name, const Token& token) {
  draft_.references.push_back({kind, name, position(token)});
}

bool Parser::once(const std::string& what, const Token& token) {
  return seen_.insert(what).second || fail(token, what + " only once");
}

}  // namespace mailkeep::conf
