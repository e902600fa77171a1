// The words of mailkeep.conf(5).
//
//   token   = word / string / table / macro / "{" / "}" / "," / "=" / "!" / newline
//   word    = 1*<any visible byte but { } , = ! < > " #>
//   string  = '"' *( <any byte but '"' and newline> / '\"' / '\\' ) '"'
//   table   = "<" name ">"
//   macro   = "$" name                      ; name = 1*( ALPHA / DIGIT / "-" / "_" / "." )
//   comment = "#" to the end of the line
// A backslash before a newline joins the lines, in a comment too.
//
// SPDX-License-Identifier: ISC
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace mailkeep::conf {

enum class TokenKind : uint8_t { word, string, table, macro, symbol, newline, end, bad };

struct Token {
  TokenKind kind = TokenKind::end;
  std::string text;  // without quotes, brackets or "$"; bad: what was found, for the error
  uint32_t line = 1;
  uint32_t column = 1;

  bool is(char symbol) const { return kind == TokenKind::symbol && text[0] == symbol; }
  bool is(std::string_view word) const { return kind == TokenKind::word && text == word; }
  bool is_value() const { return kind == TokenKind::word || kind == TokenKind::string; }
  bool ends_statement() const { return kind == TokenKind::newline || kind == TokenKind::end; }
};

// What an error says it found: 'word', "string", <table>, '{', end of line …
std::string describe(const Token& token);

// Whether `text` can name a macro, table, pki, action or tag: letters, digits and - _ . up to kMaxTag bytes.
bool is_name(std::string_view text);

// Cuts `text`, which must outlive it, into tokens. After the last one it gives `end` for ever.
class Lexer {
 public:
  explicit Lexer(std::string_view text) : text_(text) {}
  Token next();

 private:
  char peek(size_t ahead = 0) const { return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0'; }
  bool at_end() const { return at_ >= text_.size(); }
  void advance();
  bool join_lines();
  void skip_blank();
  Token make(TokenKind kind, std::string text) const;
  Token lex_string();
  Token lex_table();
  Token lex_word();

  std::string_view text_;
  size_t at_ = 0;
  uint32_t line_ = 1, column_ = 1;              // of text_[at_]
  uint32_t token_line_ = 1, token_column_ = 1;  // of the token in work
};

}  // namespace mailkeep::conf
