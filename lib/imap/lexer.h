// The terminals of IMAP's grammar (RFC 3501 9) over one whole command in memory, its literals included
// as they came: "{3}" CRLF "abc". Functions carry their ABNF rule's name; each either consumes what it
// matched or fails, and then expected() names the rule and position() the place.
// SPDX-License-Identifier: ISC
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/imap/sequence_set.h"

namespace mailkeep::imap {

constexpr size_t kMaxKeyword = 100;       // bytes of a flag-keyword
constexpr size_t kMaxFlags = 100;         // flags in one list
constexpr size_t kMaxMailboxName = 1024;  // bytes of a mailbox name as sent; the store has its own limit

bool is_atom_char(char c);
bool is_astring_char(char c);

// The five flags that a client may set, and its keywords as it spelled them. Flags with a backslash that are none of
// the five are passed over: a server ignores what it does not offer in PERMANENTFLAGS (RFC 3501 7.1).
struct FlagList {
  bool answered = false, flagged = false, deleted = false, seen = false, draft = false;
  std::vector<std::string> keywords;
};

class Lexer {
 public:
  explicit Lexer(std::string_view text) : text_(text) {}

  bool at_end() const { return at_ == text_.size(); }
  size_t position() const { return at_; }
  const std::string& expected() const { return expected_; }
  char peek() const { return at_end() ? '\0' : text_[at_]; }
  std::string_view rest() const { return text_.substr(at_); }

  bool eat(char c);
  bool sp() { return eat(' '); }
  bool crlf();
  // `word` in any case, as a whole atom.
  bool keyword(std::string_view word);
  // Fails with `rule` as what was expected. Always false.
  bool fail(std::string_view rule);

  std::optional<std::string> tag();
  std::optional<std::string> atom();
  std::optional<std::string> astring();
  std::optional<std::string> string();
  std::optional<std::string> nstring(bool* nil);
  std::optional<std::string> mailbox();
  std::optional<std::string> list_mailbox();
  std::optional<uint32_t> number();
  std::optional<uint32_t> nz_number();
  std::optional<SequenceSet> sequence_set();
  std::optional<int64_t> date();
  std::optional<int64_t> date_time();
  std::optional<FlagList> flag_list();
  // flag, into `flags`.
  bool flag(FlagList& flags);

 private:
  std::string_view take_while(bool (*accept)(char));
  std::optional<std::string> quoted();
  std::optional<std::string> literal();

  std::string_view text_;
  size_t at_ = 0;
  std::string expected_;
};

// "{" number ["+"] "}" at the end of `line` (without its CRLF).
struct LiteralHeader {
  uint64_t size;
  bool synchronizing;  // without "+": the client waits for a go-ahead (RFC 7888)
  size_t position;     // of the "{"
};
std::optional<LiteralHeader> literal_header(std::string_view line);

}  // namespace mailkeep::imap
