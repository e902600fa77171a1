// msg-id = [CFWS] "<" id-left "@" id-right ">" [CFWS]
// SPDX-License-Identifier: ISC
#include "lib/rfc5322/msgid.h"

#include "lib/rfc5322/lexer.h"

namespace mailkeep::rfc5322 {
namespace {

// At a "<": the id behind it, or empty when it has no "@" or no ">".
std::string message_id(Lexer& lexer) {
  lexer.skip();
  std::string id;
  bool has_at = false;
  while (!lexer.at_end()) {
    const char c = lexer.peek();
    if (c == '"') {
      id += lexer.quoted_string();
      continue;
    }
    if (c == '<') return "";  // a new one starts: this one was broken
    lexer.skip();
    if (c == '>') return has_at ? id : std::string();
    if (c == '@') has_at = true;
    if (c != ' ' && c != '\t' && c != '\r' && c != '\n' && c != '\0') id += c;
  }
  return "";
}

}  // namespace

std::vector<std::string> parse_message_ids(std::string_view text, size_t max) {
  std::vector<std::string> ids;
  Lexer lexer(text);
  while (!lexer.at_end()) {
    lexer.skip_cfws();
    if (lexer.peek() == '<') {
      std::string id = message_id(lexer);
      if (!id.empty()) ids.push_back(std::move(id));
    } else if (lexer.peek() == '"') {
      lexer.quoted_string();
    } else {
      lexer.skip();
    }
  }
  if (ids.size() > max) ids.erase(ids.begin(), ids.end() - static_cast<std::ptrdiff_t>(max));
  return ids;
}

}  // namespace mailkeep::rfc5322
