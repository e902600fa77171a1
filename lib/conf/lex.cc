// The words of mailkeep.conf(5), cut byte by byte; lex.h has the grammar.
// SPDX-License-Identifier: ISC
#include "lib/conf/lex.h"

#include <algorithm>

#include "lib/base/limits.h"
#include "lib/base/text.h"

namespace mailkeep::conf {
namespace {

bool is_name_char(char c) { return is_alnum(c) || c == '-' || c == '_' || c == '.'; }
bool is_symbol(char c) { return c == '{' || c == '}' || c == ',' || c == '=' || c == '!'; }
bool is_word_char(char c) {
  return static_cast<unsigned char>(c) > ' ' && c != '\x7f' && !is_symbol(c) && c != '<' && c != '>' && c != '"' &&
         c != '#';
}

}  // namespace

bool is_name(std::string_view text) {
  return !text.empty() && text.size() <= kMaxTag && std::all_of(text.begin(), text.end(), is_name_char);
}

std::string describe(const Token& t) {
  switch (t.kind) {
    case TokenKind::word:
    case TokenKind::symbol: return "'" + printable(t.text, 60) + "'";
    case TokenKind::string: return "\"" + printable(t.text, 60) + "\"";
    case TokenKind::table: return "<" + t.text + ">";
    case TokenKind::macro: return "$" + t.text;
    case TokenKind::newline: return "end of line";
    case TokenKind::end: return "end of file";
    case TokenKind::bad: return t.text;
  }
  return "nothing";
}

void Lexer::advance() {
  if (text_[at_] == '\n') {
    line_++;
    column_ = 1;
  } else {
    column_++;
  }
  at_++;
}

// Steps over a backslash and the newline after it (with or without a carriage return).
bool Lexer::join_lines() {
  if (peek() != '\\') return false;
  if (peek(1) != '\n' && !(peek(1) == '\r' && peek(2) == '\n')) return false;
  while (peek() != '\n') advance();
  advance();
  return true;
}

void Lexer::skip_blank() {
  while (!at_end()) {
    if (join_lines()) continue;
    if (is_space(peek()) || (peek() == '\r' && peek(1) == '\n')) {
      advance();
    } else if (peek() == '#') {
      while (!at_end() && peek() != '\n') {
        if (!join_lines()) advance();
      }
    } else {
      return;
    }
  }
}

Token Lexer::make(TokenKind kind, std::string text) const {
  return Token{kind, std::move(text), token_line_, token_column_};
}

Token Lexer::next() {
  skip_blank();
  token_line_ = line_;
  token_column_ = column_;
  if (at_end()) return make(TokenKind::end, "");
  const char c = peek();
  if (c == '\n') {
    advance();
    return make(TokenKind::newline, "");
  }
  if (is_symbol(c)) {
    advance();
    return make(TokenKind::symbol, std::string(1, c));
  }
  if (c == '"') return lex_string();
  if (c == '<') return lex_table();
  return lex_word();
}

Token Lexer::lex_string() {
  std::string text;
  advance();
  while (!at_end() && peek() != '\n' && peek() != '"') {
    if (join_lines()) continue;
    if (peek() == '\\' && (peek(1) == '"' || peek(1) == '\\')) advance();
    if (peek() == '\0') return advance(), make(TokenKind::bad, "a NUL byte");
    text += peek();
    advance();
  }
  if (peek() != '"') return make(TokenKind::bad, "a string without its closing '\"'");
  advance();
  return make(TokenKind::string, std::move(text));
}

Token Lexer::lex_table() {
  std::string name;
  advance();
  while (is_name_char(peek())) {
    name += peek();
    advance();
  }
  if (peek() != '>') return make(TokenKind::bad, "'<' without a name and '>'");
  advance();
  if (!is_name(name)) return make(TokenKind::bad, "'<" + printable(name, 60) + ">'");
  return make(TokenKind::table, std::move(name));
}

Token Lexer::lex_word() {
  std::string text;
  while (!at_end() && is_word_char(peek())) {
    if (join_lines()) break;
    text += peek();
    advance();
  }
  if (text.empty()) {
    text = printable(text_.substr(at_, 1));
    advance();
    return make(TokenKind::bad, "'" + text + "'");
  }
  if (text[0] != '$') return make(TokenKind::word, std::move(text));
  text.erase(0, 1);
  if (!is_name(text)) return make(TokenKind::bad, "'$" + printable(text, 60) + "'");
  return make(TokenKind::macro, std::move(text));
}

}  // namespace mailkeep::conf
