// aliases(5), by a cursor over the text; aliases.h has the grammar.
// SPDX-License-Identifier: ISC
#include "lib/conf/aliases.h"

#include <algorithm>

#include "lib/base/limits.h"
#include "lib/base/text.h"
#include "lib/conf/names.h"
#include "lib/conf/parser.h"

namespace mailkeep::conf {
namespace {

constexpr int kMaxAliasInclude = 4;  // files deep

class AliasParser {
 public:
  AliasParser(std::string_view text, Position start, const ReadFile& read, std::vector<std::string>& errors, int depth)
      : text_(text),
        file_(start.file),
        line_(start.line),
        column_(start.column),
        read_(read),
        errors_(errors),
        depth_(depth) {}

  void parse_file(Aliases& out);
  bool parse_members(std::vector<AliasMember>& out, bool lines);
  void needs_no_colon() { needs_colon_ = false; }

 private:
  char peek(size_t ahead = 0) const { return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0'; }
  bool at_end() const { return at_ >= text_.size(); }
  bool at_line_end() const { return at_end() || peek() == '\n'; }
  bool goes_on() const { return !at_end() && column_ != 1; }
  void advance();
  void skip_line();
  void skip_blank(bool join);
  bool skip_separators();
  bool fail(const std::string& found, const std::string& expected) { return fail(here(), found, expected); }
  bool fail(const Position& at, const std::string& found, const std::string& expected);
  Position here() const { return {file_, line_, column_}; }
  std::string found_here() const;

  bool parse_entry(Aliases& out);
  bool parse_quoted(std::string& out);
  bool parse_key(std::string& out);
  bool parse_member(std::vector<AliasMember>& out);
  bool parse_include(std::vector<AliasMember>& out);
  bool parse_domain(std::string& out);
  std::string take_until(std::string_view stops);

  std::string_view text_;
  std::string file_;
  uint32_t line_, column_;
  const ReadFile& read_;
  std::vector<std::string>& errors_;
  int depth_;
  bool needs_colon_ = true;
  size_t at_ = 0;
};

void AliasParser::advance() {
  if (peek() == '\n') {
    line_++;
    column_ = 1;
  } else {
    column_++;
  }
  at_++;
}

void AliasParser::skip_line() {
  while (!at_line_end()) advance();
}

// Blanks and comments; with `join`, also newlines that a blank follows. Stops at what is left of the line, or in the
// first column of the next entry.
void AliasParser::skip_blank(bool join) {
  bool after_blank = column_ == 1;
  while (!at_end()) {
    const char c = peek();
    if (is_space(c) || c == '\r') {
      after_blank = true;
      advance();
    } else if (c == '#' && after_blank) {
      skip_line();
    } else if (c == '\n' && join) {
      advance();
      after_blank = true;
      if (!at_end() && !is_space(peek()) && peek() != '\n' && peek() != '\r' && peek() != '#') return;
    } else {
      return;
    }
  }
}

bool AliasParser::fail(const Position& at, const std::string& found, const std::string& expected) {
  errors_.push_back(complaint(at, found, expected));
  return false;
}

std::string AliasParser::found_here() const {
  if (at_end()) return "end of file";
  if (peek() == '\n' || column_ == 1) return "end of line";
  return "'" + printable(text_.substr(at_, std::min(text_.find_first_of(" \t\r\n,", at_), text_.size()) - at_), 60) +
         "'";
}

std::string AliasParser::take_until(std::string_view stops) {
  std::string out;
  while (!at_end() && stops.find(peek()) == stops.npos && static_cast<unsigned char>(peek()) > ' ' &&
         peek() != '\x7f') {
    out += peek();
    advance();
  }
  return out;
}

void AliasParser::parse_file(Aliases& out) {
  while (!at_end() && errors_.size() < kMaxErrors) {
    const size_t start = at_;
    const bool indented = is_space(peek());
    skip_blank(false);
    if (at_end()) return;
    if (peek() == '\n') {
      advance();
      continue;
    }
    const bool good =
        indented ? fail("a line that goes on with nothing", "a name in the first column") : parse_entry(out);
    if (good || (at_ > start && column_ == 1 && !is_space(peek()))) continue;
    do {  // on to the next first column that starts an entry
      skip_line();
      if (!at_end()) advance();
    } while (!at_end() && is_space(peek()));
  }
}

bool AliasParser::parse_entry(Aliases& out) {
  const Position start = here();
  std::string key;
  if (!parse_key(key)) return false;
  skip_blank(false);
  if (peek() == ':') {
    advance();
  } else if (needs_colon_) {
    return fail(found_here(), "':' after the name");
  }
  std::vector<AliasMember> members;
  if (!parse_members(members, false)) return false;
  if (out.size() >= kMaxAliases) return fail(start, "one alias more", "at most " + std::to_string(kMaxAliases));
  if (!out.emplace(key, std::move(members)).second)
    return fail(start, "'" + printable(key, 60) + "' a second time", "each name once");
  return true;
}

bool AliasParser::parse_quoted(std::string& out) {
  const Position start = here();
  advance();
  while (!at_line_end() && peek() != '"') {
    if (peek() == '\\' && peek(1) != '\n' && peek(1) != '\0') advance();
    if (static_cast<unsigned char>(peek()) < ' ' || peek() == '\x7f')
      return fail(start, "a control byte in quotes", "printable text");
    out += peek();
    advance();
  }
  if (peek() != '"' || at_end()) return fail(start, "a quote", "its closing '\"' in the same line");
  advance();
  return true;
}

bool AliasParser::parse_key(std::string& out) {
  const Position start = here();
  if (peek() == '"') {
    if (!parse_quoted(out)) return false;
  } else {
    out = take_until(":,@\"\\");
  }
  std::string domain;
  bool has_domain = false;
  if (peek() == '@') {
    has_domain = true;
    advance();
    const bool all = out.empty() && (peek() == ':' || is_space(peek()));
    if (!all && !parse_domain(domain)) return false;
  }
  if (out.empty() && !has_domain) return fail(start, found_here(), "a name, address, @domain or @");
  if (out.size() > kMaxLocalPart)
    return fail(start, "a name of " + std::to_string(out.size()) + " bytes",
                "at most " + std::to_string(kMaxLocalPart));
  out = lower(out) + (has_domain ? "@" + domain : "");
  return true;
}

bool AliasParser::parse_domain(std::string& out) {
  const Position start = here();
  const std::string text = take_until(":,\"\\@");
  if (!is_domain(text)) return fail(start, "'" + printable(text, 60) + "'", "a domain name");
  out = lower(text);
  return true;
}

// Commas, and in included files newlines too; whether a member follows.
bool AliasParser::skip_separators() {
  while (!at_end()) {
    skip_blank(false);
    if (peek() != ',' && peek() != '\n') break;
    advance();
  }
  return !at_end();
}

bool AliasParser::parse_members(std::vector<AliasMember>& out, bool lines) {
  if (lines) {
    while (skip_separators()) {
      if (!parse_member(out)) return false;
      skip_blank(false);
      if (!at_line_end() && peek() != ',') return fail(found_here(), "',' or end of line");
    }
    return true;
  }
  for (;;) {
    skip_blank(true);
    if (at_line_end() || !goes_on()) return fail(found_here(), "a name or address");
    if (!parse_member(out)) return false;
    skip_blank(true);
    if (at_end() || !goes_on()) return true;
    if (peek() != ',') return fail(found_here(), "',' or end of line");
    advance();
  }
}

bool AliasParser::parse_member(std::vector<AliasMember>& out) {
  if (out.size() >= kMaxAliasMembers) return fail("one member more", "at most " + std::to_string(kMaxAliasMembers));
  const Position start = here();
  if (text_.substr(at_, 9) == ":include:") return parse_include(out);
  AliasMember member;
  if (peek() == '\\') {
    member.is_account = true;
    advance();
  }
  if (peek() == '"') {
    if (!parse_quoted(member.local)) return false;
    if (starts_with_nocase(member.local, ":include:"))
      return fail(start, "\":include:\" in quotes", ":include: and a path without");
  } else {
    member.local = take_until(":,@\"\\<>()[];");
  }
  const bool has_domain = peek() == '@';
  if (!member.local.empty() && member.local[0] == '|')
    return fail(start, "a command", "a name or address: mail is never given to commands");
  if (!member.local.empty() && member.local[0] == '/' && !has_domain) {
    return fail(start, "a file", "a name or address: mail is never written to files named here");
  }
  if (member.local.empty()) return fail(start, found_here(), "a name or address");
  if (member.local.size() > kMaxLocalPart) {
    return fail(start, "a name of " + std::to_string(member.local.size()) + " bytes",
                "at most " + std::to_string(kMaxLocalPart));
  }
  if (has_domain) {
    advance();
    if (!parse_domain(member.domain)) return false;
  }
  out.push_back(std::move(member));
  return true;
}

bool AliasParser::parse_include(std::vector<AliasMember>& out) {
  const Position start = here();
  for (int i = 0; i < 9; i++) advance();
  std::string path;
  if (peek() == '"') {
    if (!parse_quoted(path)) return false;
  } else {
    path = take_until(",\"");
  }
  if (!is_absolute_path(path)) return fail(start, "'" + printable(path, 60) + "'", "an absolute path after :include:");
  if (depth_ >= kMaxAliasInclude)
    return fail(start, ":include:", "files included at most " + std::to_string(kMaxAliasInclude) + " deep");
  const auto text = read_(path);
  if (!text) return fail(start, ":include:" + printable(path), "a file that can be read (" + text.error().text + ")");
  AliasParser inner(*text, {path, 1, 1}, read_, errors_, depth_ + 1);
  return inner.parse_members(out, true);
}

Result<Aliases> finish(Aliases out, const std::vector<std::string>& errors) {
  if (errors.empty()) return out;
  std::string all;
  for (const auto& error : errors) all += (all.empty() ? "" : "\n") + error;
  return Error(all);
}

}  // namespace

Result<Aliases> parse_aliases(std::string_view text, const std::string& file, const ReadFile& read, AliasForm form) {
  Aliases out;
  std::vector<std::string> errors;
  AliasParser parser(text, {file, 1, 1}, read, errors, 0);
  if (form == AliasForm::virtual_users) parser.needs_no_colon();
  parser.parse_file(out);
  return finish(std::move(out), errors);
}

Result<Aliases> parse_aliases(const Table& table, const ReadFile& read) {
  Aliases out;
  std::vector<std::string> errors;
  for (const auto& entry : table.entries) {
    if (errors.size() >= kMaxErrors) break;
    std::vector<AliasMember> members;
    // The column cannot be told within a quoted value: all errors stand at the table.
    Position at = table.position;
    at.column = std::max(at.column, 2U);
    if (AliasParser(entry.value, at, read, errors, 0).parse_members(members, false))
      out[lower(entry.key)] = std::move(members);
  }
  return finish(std::move(out), errors);
}

}  // namespace mailkeep::conf
