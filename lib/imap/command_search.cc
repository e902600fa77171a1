// What SEARCH asks for (RFC 3501 9: search-key). Pure; runs in `user`; trusts nothing.
// SPDX-License-Identifier: ISC
#include <array>

#include "lib/base/text.h"
#include "lib/imap/command.h"

namespace mailkeep::imap {
namespace {

using Type = SearchKey::Type;
enum class Argument { kNone, kAstring, kAtom, kDate, kNumber, kSet };

struct Rule {
  std::string_view name;
  Type type;
  Argument argument;
};
constexpr std::array kRules = {
    Rule{"ALL", Type::kAll, Argument::kNone},
    Rule{"ANSWERED", Type::kAnswered, Argument::kNone},
    Rule{"BCC", Type::kBcc, Argument::kAstring},
    Rule{"BEFORE", Type::kBefore, Argument::kDate},
    Rule{"BODY", Type::kBody, Argument::kAstring},
    Rule{"CC", Type::kCc, Argument::kAstring},
    Rule{"DELETED", Type::kDeleted, Argument::kNone},
    Rule{"DRAFT", Type::kDraft, Argument::kNone},
    Rule{"FLAGGED", Type::kFlagged, Argument::kNone},
    Rule{"FROM", Type::kFrom, Argument::kAstring},
    Rule{"KEYWORD", Type::kKeyword, Argument::kAtom},
    Rule{"LARGER", Type::kLarger, Argument::kNumber},
    Rule{"NEW", Type::kNew, Argument::kNone},
    Rule{"OLD", Type::kOld, Argument::kNone},
    Rule{"ON", Type::kOn, Argument::kDate},
    Rule{"RECENT", Type::kRecent, Argument::kNone},
    Rule{"SEEN", Type::kSeen, Argument::kNone},
    Rule{"SENTBEFORE", Type::kSentBefore, Argument::kDate},
    Rule{"SENTON", Type::kSentOn, Argument::kDate},
    Rule{"SENTSINCE", Type::kSentSince, Argument::kDate},
    Rule{"SINCE", Type::kSince, Argument::kDate},
    Rule{"SMALLER", Type::kSmaller, Argument::kNumber},
    Rule{"SUBJECT", Type::kSubject, Argument::kAstring},
    Rule{"TEXT", Type::kText, Argument::kAstring},
    Rule{"TO", Type::kTo, Argument::kAstring},
    Rule{"UID", Type::kUid, Argument::kSet},
    Rule{"UNANSWERED", Type::kUnanswered, Argument::kNone},
    Rule{"UNDELETED", Type::kUndeleted, Argument::kNone},
    Rule{"UNDRAFT", Type::kUndraft, Argument::kNone},
    Rule{"UNFLAGGED", Type::kUnflagged, Argument::kNone},
    Rule{"UNKEYWORD", Type::kUnkeyword, Argument::kAtom},
    Rule{"UNSEEN", Type::kUnseen, Argument::kNone},
};

template <class T>
bool keep(std::optional<T> value, T& into) {
  if (!value) return false;
  into = std::move(*value);
  return true;
}

bool argument(Lexer& in, Argument kind, SearchKey& key) {
  if (kind == Argument::kNone) return true;
  if (!in.sp()) return false;
  switch (kind) {
    case Argument::kAstring: return keep(in.astring(), key.text);
    case Argument::kAtom: return keep(in.atom(), key.text);
    case Argument::kDate: return keep(in.date(), key.days);
    case Argument::kNumber: return keep(in.number(), key.number);
    case Argument::kSet: return keep(in.sequence_set(), key.set);
    case Argument::kNone: break;
  }
  return false;
}

class Parser {
 public:
  explicit Parser(Lexer& in) : in_(in) {}

  // search-key, at most `depth` levels deep.
  bool search_key(SearchKey& key, unsigned depth) {
    if (depth == 0) return in_.fail("less nesting");
    if (++count_ > kMaxSearchKeys) return in_.fail("fewer search keys");
    const char c = in_.peek();
    if (c == '(') return group(key, depth);
    if (is_digit(c) || c == '*') {
      key.type = Type::kSequence;
      return keep(in_.sequence_set(), key.set);
    }
    if (in_.keyword("NOT")) return nested(key, Type::kNot, 1, depth);
    if (in_.keyword("OR")) return nested(key, Type::kOr, 2, depth);
    if (in_.keyword("HEADER")) return header(key);
    for (const Rule& rule : kRules) {
      if (!in_.keyword(rule.name)) continue;
      key.type = rule.type;
      return argument(in_, rule.argument, key);
    }
    return in_.fail("search-key");
  }

  // search-key *(SP search-key)
  bool keys(SearchKey& key, unsigned depth) {
    key.type = Type::kAnd;
    do {
      key.children.emplace_back();
      if (!search_key(key.children.back(), depth)) return false;
    } while (in_.sp());
    return true;
  }

 private:
  bool group(SearchKey& key, unsigned depth) { return in_.eat('(') && keys(key, depth - 1) && in_.eat(')'); }

  bool nested(SearchKey& key, Type type, size_t count, unsigned depth) {
    key.type = type;
    for (size_t i = 0; i < count; ++i) {
      if (!in_.sp()) return false;
      key.children.emplace_back();
      if (!search_key(key.children.back(), depth - 1)) return false;
    }
    return true;
  }

  bool header(SearchKey& key) {
    key.type = Type::kHeader;
    return in_.sp() && keep(in_.astring(), key.field) && in_.sp() && keep(in_.astring(), key.text);
  }

  Lexer& in_;
  size_t count_ = 0;
};

}  // namespace

// search = "SEARCH" [SP "CHARSET" SP astring] 1*(SP search-key)
std::optional<Search> search_program(Lexer& in) {
  Search out{false, std::nullopt, {}};
  if (in.keyword("CHARSET")) {
    if (!in.sp()) return std::nullopt;
    out.charset = in.astring();
    if (!out.charset || !in.sp()) return std::nullopt;
  }
  if (!Parser(in).keys(out.key, kMaxSearchDepth)) return std::nullopt;
  return out;
}

}  // namespace mailkeep::imap
