// The lexical tokens of structured field values (RFC 5322 3.2): comments, folding white space, atoms, quoted
// strings, domain literals; shared by the parsers for addresses, dates, message ids and MIME parameters. Pure.
// SPDX-License-Identifier: ISC
#pragma once

#include <string>
#include <string_view>

namespace mailkeep::rfc5322 {

// atext, and any 8-bit byte (RFC 6532)
bool is_atext(char c);

class Lexer {
 public:
  // Comments nested deeper than `max_nesting` end at their first ")".
  explicit Lexer(std::string_view text, int max_nesting = 10) : text_(text), max_nesting_(max_nesting) {}

  bool at_end() const { return at_ >= text_.size(); }
  char peek() const { return at_end() ? '\0' : text_[at_]; }
  void skip() { ++at_; }
  bool take(char c);
  size_t position() const { return at_; }
  std::string_view between(size_t from, size_t to) const { return text_.substr(from, to - from); }

  // [CFWS]; says whether there was any. The content of the last comment is kept.
  bool skip_cfws();
  const std::string& last_comment() const { return comment_; }
  void forget_comment() { comment_.clear(); }

  // 1*atext, or empty.
  std::string_view atom();
  // At a '"': the content without quoting. A missing closing quote ends at the end of text.
  std::string quoted_string();
  // At a '[': with its brackets, without white space.
  std::string domain_literal();

 private:
  void comment();

  std::string_view text_;
  size_t at_ = 0;
  int max_nesting_;
  std::string comment_;
};

}  // namespace mailkeep::rfc5322
