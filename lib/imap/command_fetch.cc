// What FETCH asks for (RFC 3501 9: fetch-att, section). Pure; runs in `user`; trusts nothing.
// SPDX-License-Identifier: ISC
#include <array>

#include "lib/imap/command.h"
#include "lib/imap/writer.h"

namespace mailkeep::imap {
namespace {

using Type = FetchItem::Type;
using Text = Section::Text;

// header-list = "(" header-fld-name *(SP header-fld-name) ")"
bool header_list(Lexer& in, std::vector<std::string>& fields) {
  if (!in.sp() || !in.eat('(')) return false;
  do {
    auto name = in.astring();
    if (!name) return false;
    if (fields.size() == kMaxHeaderFields) return in.fail("fewer header fields");
    fields.push_back(std::move(*name));
  } while (in.sp());
  return in.eat(')');
}

// section-text = section-msgtext / "MIME"; MIME only below a part.
bool section_text(Lexer& in, Section& out) {
  if (in.keyword("HEADER.FIELDS.NOT")) {
    out.text = Text::kHeaderFieldsNot;
    return header_list(in, out.fields);
  }
  if (in.keyword("HEADER.FIELDS")) {
    out.text = Text::kHeaderFields;
    return header_list(in, out.fields);
  }
  if (in.keyword("HEADER"))
    out.text = Text::kHeader;
  else if (in.keyword("TEXT"))
    out.text = Text::kText;
  else if (!out.part.empty() && in.keyword("MIME"))
    out.text = Text::kMime;
  else
    return in.fail("section");
  return true;
}

// section = "[" [section-msgtext / (nz-number *("." nz-number) ["." section-text])] "]"
bool section(Lexer& in, Section& out) {
  if (!in.eat('[')) return false;
  if (in.eat(']')) return true;
  bool text_follows = true;
  while (in.peek() >= '0' && in.peek() <= '9') {
    const auto number = in.nz_number();
    if (!number) return false;
    if (out.part.size() == kMaxPartDepth) return in.fail("fewer part numbers");
    out.part.push_back(*number);
    text_follows = in.eat('.');
    if (!text_follows) break;
  }
  if (text_follows && !section_text(in, out)) return false;
  return in.eat(']');
}

// ["<" number "." nz-number ">"]
bool partial(Lexer& in, FetchItem& out) {
  if (!in.eat('<')) return true;
  const auto first = in.number();
  if (!first || !in.eat('.')) return false;
  const auto count = in.nz_number();
  if (!count || !in.eat('>')) return false;
  out.partial = {*first, *count};
  return true;
}

struct Name {
  std::string_view word;
  Type type;
};
// Longer names first: keyword() takes whole atoms, "[" apart.
constexpr std::array kNames = {
    Name{"ENVELOPE", Type::kEnvelope},
    Name{"FLAGS", Type::kFlags},
    Name{"INTERNALDATE", Type::kInternalDate},
    Name{"RFC822.HEADER", Type::kRfc822Header},
    Name{"RFC822.SIZE", Type::kRfc822Size},
    Name{"RFC822.TEXT", Type::kRfc822Text},
    Name{"RFC822", Type::kRfc822},
    Name{"BODYSTRUCTURE", Type::kBodyStructure},
    Name{"UID", Type::kUid},
};

std::optional<FetchItem> fetch_att(Lexer& in) {
  for (const Name& name : kNames)
    if (in.keyword(name.word)) return FetchItem{name.type};
  FetchItem item{Type::kBodySection};
  item.peek = in.keyword("BODY.PEEK");
  if (!item.peek && !in.keyword("BODY")) return in.fail("fetch-att"), std::nullopt;
  if (!item.peek && in.peek() != '[') return FetchItem{Type::kBody};
  if (!section(in, item.section) || !partial(in, item)) return std::nullopt;
  return item;
}

}  // namespace

std::optional<std::vector<FetchItem>> fetch_items(Lexer& in) {
  using Items = std::vector<FetchItem>;
  if (in.keyword("ALL")) return Items{{Type::kFlags}, {Type::kInternalDate}, {Type::kRfc822Size}, {Type::kEnvelope}};
  if (in.keyword("FAST")) return Items{{Type::kFlags}, {Type::kInternalDate}, {Type::kRfc822Size}};
  if (in.keyword("FULL"))
    return Items{{Type::kFlags}, {Type::kInternalDate}, {Type::kRfc822Size}, {Type::kEnvelope}, {Type::kBody}};
  Items items;
  const bool several = in.eat('(');
  do {
    auto item = fetch_att(in);
    if (!item) return std::nullopt;
    if (items.size() == kMaxFetchItems) return in.fail("fewer items"), std::nullopt;
    items.push_back(std::move(*item));
  } while (several && in.sp());
  if (several && !in.eat(')')) return std::nullopt;
  return items;
}

std::string format_body_section(const FetchItem& item) {
  constexpr std::array<std::string_view, 6> kTexts = {"",     "HEADER", "HEADER.FIELDS", "HEADER.FIELDS.NOT",
                                                      "TEXT", "MIME"};
  std::string out = "BODY[";
  for (uint32_t number : item.section.part) {
    if (out.back() != '[') out += '.';
    out += std::to_string(number);
  }
  const std::string_view text = kTexts[static_cast<size_t>(item.section.text)];
  if (!text.empty() && out.back() != '[') out += '.';
  out += text;
  if (!item.section.fields.empty()) {
    out += " (";
    for (const std::string& field : item.section.fields) {
      if (out.back() != '(') out += ' ';
      write_astring(out, field);
    }
    out += ')';
  }
  out += ']';
  if (item.partial) out += '<' + std::to_string(item.partial->first) + '>';
  return out;
}

}  // namespace mailkeep::imap
