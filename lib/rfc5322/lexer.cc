// Tokens of structured fields: see the header.
// SPDX-License-Identifier: ISC
#include "lib/rfc5322/lexer.h"

#include "lib/base/text.h"

namespace mailkeep::rfc5322 {

bool is_atext(char c) {
  return is_alnum(c) || static_cast<unsigned char>(c) >= 0x80 ||
         (c != '\0' && std::string_view("!#$%&'*+-/=?^_`{|}~").find(c) != std::string_view::npos);
}

bool Lexer::take(char c) {
  if (at_end() || text_[at_] != c) return false;
  ++at_;
  return true;
}

bool Lexer::skip_cfws() {
  const size_t start = at_;
  while (!at_end()) {
    const char c = text_[at_];
    if (c == ' ' || c == '\t' || c == '\r' || c == '\n') {
      ++at_;
    } else if (c == '(') {
      comment();
    } else {
      break;
    }
  }
  return at_ != start;
}

// comment = "(" *([FWS] ccontent) [FWS] ")", at its "(". Iterative: nesting is a counter.
void Lexer::comment() {
  comment_.clear();
  int depth = 0;
  do {
    const char c = text_[at_++];
    if (c == '(') {
      if (++depth > max_nesting_) --depth;
      if (depth == 1 && comment_.empty()) continue;
    } else if (c == ')') {
      if (--depth == 0) return;
    } else if (c == '\\' && !at_end()) {
      comment_ += text_[at_++];
      continue;
    } else if (c == '\r' || c == '\n') {
      continue;
    }
    comment_ += c;
  } while (!at_end());
}

std::string_view Lexer::atom() {
  const size_t start = at_;
  while (!at_end() && is_atext(text_[at_])) ++at_;
  return text_.substr(start, at_ - start);
}

std::string Lexer::quoted_string() {
  std::string out;
  ++at_;
  while (!at_end()) {
    const char c = text_[at_++];
    if (c == '"') break;
    if (c == '\\' && !at_end()) {
      out += text_[at_++];
    } else if (c != '\r' && c != '\n') {
      out += c;
    }
  }
  return out;
}

std::string Lexer::domain_literal() {
  std::string out;
  while (!at_end()) {
    const char c = text_[at_++];
    if (c != ' ' && c != '\t' && c != '\r' && c != '\n') out += c;
    if (c == ']') break;
  }
  return out;
}

}  // namespace mailkeep::rfc5322
