// value *(";" attribute "=" (token / quoted-string))                        RFC 2045 5.1
// attribute = name ["*" section] ["*"]                                      RFC 2231 3, 4
// SPDX-License-Identifier: ISC
#include "lib/mime/params.h"

#include <algorithm>
#include <optional>

#include "lib/base/text.h"
#include "lib/rfc5322/header.h"
#include "lib/rfc5322/lexer.h"
#include "lib/text/charset.h"
#include "lib/text/encoded_word.h"
#include "lib/text/quoted_printable.h"
#include "lib/text/utf8.h"

namespace mailkeep::mime {
namespace {

struct Section {
  std::string name;     // without stars
  uint64_t number = 0;  // 0 where there is none
  bool is_numbered = false;
  bool is_extended = false;
  std::string value;
};

// Up to one of `stops`, comments and spaces at the ends gone.
std::string word(rfc5322::Lexer& lexer, std::string_view stops) {
  lexer.skip_cfws();
  const size_t start = lexer.position();
  size_t end = start;
  while (!lexer.at_end() && stops.find(lexer.peek()) == std::string_view::npos) {
    if (lexer.skip_cfws()) continue;
    lexer.skip();
    end = lexer.position();
  }
  return rfc5322::unfold(lexer.between(start, end));
}

Section section_of(std::string attribute) {
  Section section;
  if (!attribute.empty() && attribute.back() == '*') {
    section.is_extended = true;
    attribute.pop_back();
  }
  const size_t star = attribute.rfind('*');
  if (star != std::string::npos) {
    const auto number = parse_u64(std::string_view(attribute).substr(star + 1), kMaxParams);
    if (number) {
      section.number = *number;
      section.is_numbered = true;
      attribute.resize(star);
    }
  }
  section.name = std::move(attribute);
  return section;
}

// A parameter, behind its ";".
std::optional<Section> parameter(rfc5322::Lexer& lexer) {
  Section section = section_of(lower(word(lexer, "=;")));
  if (!lexer.take('=')) return std::nullopt;
  lexer.skip_cfws();
  if (lexer.peek() == '"') {
    section.value = lexer.quoted_string();
    word(lexer, ";");
  } else {
    section.value = word(lexer, ";");
  }
  if (section.name.empty()) return std::nullopt;
  return section;
}

std::string percent_encode(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c > 32 && c < 127 && c != '%' && c != '\'' && c != '*') {
      out += c;
    } else {
      out += '%';
      out += upper(hex(std::string_view(&c, 1)));
    }
  }
  return out;
}

std::string percent_decode(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool is_escape = text[i] == '%' && text.size() - i > 2;
    const int high = is_escape ? text::hex_value(text[i + 1]) : -1;
    const int low = is_escape ? text::hex_value(text[i + 2]) : -1;
    if (high < 0 || low < 0) {
      out += text[i];
    } else {
      out += static_cast<char>(high * 16 + low);
      i += 2;
    }
  }
  return out;
}

// Sections of one name, in order, into one parameter. Those behind a gap are dropped.
Param join(const std::string& name, std::vector<Section> sections) {
  std::stable_sort(sections.begin(), sections.end(),
                   [](const Section& a, const Section& b) { return a.number < b.number; });
  const bool is_extended = sections[0].is_extended;
  Param param{is_extended ? name + "*" : name, ""};
  for (size_t i = 0; i < sections.size() && sections[i].number == i; ++i) {
    const Section& section = sections[i];
    const bool encode = is_extended && !section.is_extended;
    const bool decode = !is_extended && section.is_extended;
    param.value += encode ? percent_encode(section.value) : decode ? percent_decode(section.value) : section.value;
  }
  return param;
}

std::vector<Param> join_sections(std::vector<Section> all) {
  std::vector<Param> params;
  for (size_t i = 0; i < all.size(); ++i) {
    Section& first = all[i];
    if (first.name.empty()) continue;  // was joined to an earlier one
    if (!first.is_numbered) {
      params.push_back({first.is_extended ? first.name + "*" : first.name, first.value});
      continue;
    }
    const std::string name = first.name;
    std::vector<Section> same;
    for (size_t j = i; j < all.size(); ++j) {
      if (!all[j].is_numbered || all[j].name != name) continue;
      same.push_back(std::move(all[j]));
      all[j].name.clear();
      all[j].is_numbered = false;
    }
    params.push_back(join(name, std::move(same)));
  }
  return params;
}

}  // namespace

Parameterized parse_parameterized(std::string_view text) {
  rfc5322::Lexer lexer(text);
  Parameterized parsed;
  parsed.value = lower(word(lexer, ";"));
  std::vector<Section> sections;
  while (lexer.take(';') && sections.size() < kMaxParams) {
    std::optional<Section> section = parameter(lexer);
    if (section) sections.push_back(std::move(*section));
  }
  parsed.params = join_sections(std::move(sections));
  return parsed;
}

const std::string* find_param(const std::vector<Param>& params, std::string_view name) {
  for (const Param& param : params) {
    if (param.name == name) return &param.value;
  }
  return nullptr;
}

std::string param_text(const std::vector<Param>& params, std::string_view name) {
  const std::string* extended = find_param(params, std::string(name) + "*");
  if (extended != nullptr) {
    const std::string_view value = *extended;
    const size_t charset = value.find('\'');
    const size_t language = charset == std::string_view::npos ? charset : value.find('\'', charset + 1);
    if (language == std::string_view::npos) return text::repair_utf8(percent_decode(value));
    return text::to_utf8(percent_decode(value.substr(language + 1)), value.substr(0, charset));
  }
  const std::string* plain = find_param(params, name);
  return plain == nullptr ? std::string() : text::decode_words(*plain);
}

}  // namespace mailkeep::mime
