// The terminals of IMAP's grammar. Pure; runs in imapd before login and in `user` after it; trusts nothing.
// SPDX-License-Identifier: ISC
#include "lib/imap/lexer.h"

#include "lib/base/text.h"
#include "lib/imap/date.h"

namespace mailkeep::imap {

bool is_atom_char(char c) {
  if (c <= ' ' || c == 0x7f) return false;  // CTL, SP and bytes above 127
  return c != '(' && c != ')' && c != '{' && c != '%' && c != '*' && c != '"' && c != '\\' && c != ']';
}
bool is_astring_char(char c) { return is_atom_char(c) || c == ']'; }

namespace {
bool is_tag_char(char c) { return is_astring_char(c) && c != '+'; }
bool is_list_char(char c) { return is_astring_char(c) || c == '%' || c == '*'; }
bool is_set_char(char c) { return is_digit(c) || c == ':' || c == ',' || c == '*'; }
}  // namespace

bool Lexer::fail(std::string_view rule) {
  expected_ = rule;
  return false;
}

bool Lexer::eat(char c) {
  if (peek() == c && !at_end()) {
    ++at_;
    return true;
  }
  return fail(c == ' ' ? std::string_view("SP") : std::string_view(&c, 1));
}

bool Lexer::crlf() {
  if (rest() == "\r\n") {
    at_ += 2;
    return true;
  }
  return fail("CRLF");
}

bool Lexer::keyword(std::string_view word) {
  if (!starts_with_nocase(rest(), word)) return fail(word);
  const size_t end = at_ + word.size();
  if (end < text_.size() && is_atom_char(text_[end]) && text_[end] != '[') return fail(word);
  at_ = end;
  return true;
}

std::string_view Lexer::take_while(bool (*accept)(char)) {
  const size_t start = at_;
  while (at_ < text_.size() && accept(text_[at_])) ++at_;
  return text_.substr(start, at_ - start);
}

std::optional<std::string> Lexer::tag() {
  const std::string_view text = take_while(is_tag_char);
  if (!text.empty()) return std::string(text);
  fail("tag");
  return std::nullopt;
}

std::optional<std::string> Lexer::atom() {
  const std::string_view text = take_while(is_atom_char);
  if (!text.empty()) return std::string(text);
  fail("atom");
  return std::nullopt;
}

// quoted = DQUOTE *QUOTED-CHAR DQUOTE. Bytes above 127 are taken: clients send UTF-8 that way.
std::optional<std::string> Lexer::quoted() {
  const size_t start = at_;
  std::string out;
  for (++at_; at_ < text_.size(); ++at_) {
    char c = text_[at_];
    if (c == '"') {
      ++at_;
      return out;
    }
    if (c == '\\') {
      if (++at_ == text_.size()) break;
      c = text_[at_];
      if (c != '"' && c != '\\') break;
    } else if (c == '\0' || c == '\r' || c == '\n') {
      break;
    }
    out += c;
  }
  at_ = start;
  fail("quoted");
  return std::nullopt;
}

// literal = "{" number ["+"] "}" CRLF *CHAR8
std::optional<std::string> Lexer::literal() {
  const size_t end = text_.find("\r\n", at_);
  if (end != std::string_view::npos) {
    const auto header = literal_header(text_.substr(at_, end - at_));
    if (header && header->position == 0 && header->size <= text_.size() - end - 2) {
      const std::string_view body = text_.substr(end + 2, header->size);
      if (body.find('\0') == std::string_view::npos) {
        at_ = end + 2 + body.size();
        return std::string(body);
      }
    }
  }
  fail("literal");
  return std::nullopt;
}

std::optional<std::string> Lexer::string() {
  if (peek() == '"') return quoted();
  if (peek() == '{') return literal();
  fail("string");
  return std::nullopt;
}

std::optional<std::string> Lexer::astring() {
  if (peek() == '"' || peek() == '{') return string();
  const std::string_view text = take_while(is_astring_char);
  if (!text.empty()) return std::string(text);
  fail("astring");
  return std::nullopt;
}

std::optional<std::string> Lexer::nstring(bool* nil) {
  *nil = keyword("NIL");
  if (*nil) return std::string();
  return string();
}

std::optional<std::string> Lexer::mailbox() {
  auto name = astring();
  if (name && name->size() <= kMaxMailboxName) return name;
  fail("mailbox");
  return std::nullopt;
}

std::optional<std::string> Lexer::list_mailbox() {
  if (peek() == '"' || peek() == '{') return mailbox();
  const std::string_view text = take_while(is_list_char);
  if (!text.empty() && text.size() <= kMaxMailboxName) return std::string(text);
  fail("list-mailbox");
  return std::nullopt;
}

std::optional<uint32_t> Lexer::number() {
  const size_t start = at_;
  const auto value = parse_u64(take_while(is_digit), UINT32_MAX);
  if (value) return static_cast<uint32_t>(*value);
  at_ = start;
  fail("number");
  return std::nullopt;
}

std::optional<uint32_t> Lexer::nz_number() {
  const size_t start = at_;
  const auto value = number();
  if (value && *value != 0) return value;
  at_ = start;
  fail("nz-number");
  return std::nullopt;
}

std::optional<SequenceSet> Lexer::sequence_set() {
  const size_t start = at_;
  auto set = imap::sequence_set(take_while(is_set_char));
  if (set) return set;
  at_ = start;
  fail("sequence-set");
  return std::nullopt;
}

// date = date-text / DQUOTE date-text DQUOTE
std::optional<int64_t> Lexer::date() {
  const size_t start = at_;
  const auto text = peek() == '"' ? quoted() : atom();
  if (text) {
    const auto days = date_text(*text);
    if (days) return days;
  }
  at_ = start;
  fail("date");
  return std::nullopt;
}

std::optional<int64_t> Lexer::date_time() {
  const size_t start = at_;
  const auto text = peek() == '"' ? quoted() : std::nullopt;
  if (text) {
    const auto time = date_time_text(*text);
    if (time) return time;
  }
  at_ = start;
  fail("date-time");
  return std::nullopt;
}

bool Lexer::flag(FlagList& flags) {
  if (peek() != '\\') {
    auto word = atom();
    if (!word || word->size() > kMaxKeyword) return fail("flag");
    for (const std::string& known : flags.keywords)
      if (equals_nocase(known, *word)) return true;
    if (flags.keywords.size() == kMaxFlags) return fail("fewer flags");
    flags.keywords.push_back(std::move(*word));
    return true;
  }
  ++at_;
  if (keyword("Answered")) return flags.answered = true;
  if (keyword("Flagged")) return flags.flagged = true;
  if (keyword("Deleted")) return flags.deleted = true;
  if (keyword("Seen")) return flags.seen = true;
  if (keyword("Draft")) return flags.draft = true;
  return atom() || fail("flag");  // flag-extension, \Recent: none that is kept
}

std::optional<FlagList> Lexer::flag_list() {
  FlagList flags;
  if (!eat('(')) return std::nullopt;
  if (eat(')')) return flags;
  do {
    if (!flag(flags)) return std::nullopt;
  } while (sp());
  if (!eat(')')) return std::nullopt;
  return flags;
}

std::optional<LiteralHeader> literal_header(std::string_view line) {
  if (line.size() < 3 || line.back() != '}') return std::nullopt;
  const size_t open = line.rfind('{');
  if (open == std::string_view::npos) return std::nullopt;
  std::string_view inside = line.substr(open + 1, line.size() - open - 2);
  const bool plus = !inside.empty() && inside.back() == '+';
  if (plus) inside.remove_suffix(1);
  if (inside.empty()) return std::nullopt;
  for (char c : inside)
    if (!is_digit(c)) return std::nullopt;
  const auto size = parse_u64(inside, INT64_MAX);
  if (!size) return std::nullopt;
  return LiteralHeader{*size, !plus, open};
}

}  // namespace mailkeep::imap
