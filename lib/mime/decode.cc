// Bodies as text: see the header.
// SPDX-License-Identifier: ISC
#include "lib/mime/decode.h"

#include "lib/base/text.h"
#include "lib/text/base64.h"
#include "lib/text/casefold.h"
#include "lib/text/charset.h"
#include "lib/text/encoded_word.h"
#include "lib/text/quoted_printable.h"
#include "lib/text/utf8.h"

namespace mailkeep::mime {
namespace {

// The first leaf that a person would read: text/plain if there is one among alternatives, else any text.
const Part* first_text(const Part& part) {
  if (part.children.empty()) return part.type == "text" && part.disposition != "attachment" ? &part : nullptr;
  const Part* found = nullptr;
  for (const Part& child : part.children) {
    const Part* text = first_text(child);
    if (text == nullptr) continue;
    if (found == nullptr || (found->subtype != "plain" && text->subtype == "plain")) found = text;
    if (part.subtype != "alternative") break;
  }
  return found;
}

// What stands between tags, without the content of <style> and <script>, the commonest entities resolved.
std::string strip_tags(std::string_view html) {
  std::string out;
  for (size_t i = 0; i < html.size(); ++i) {
    if (html[i] == '<') {
      const std::string_view rest = html.substr(i);
      const std::string_view end = starts_with_nocase(rest, "<style")    ? "</style"
                                   : starts_with_nocase(rest, "<script") ? "</script"
                                   : starts_with_nocase(rest, "<!--")    ? "-->"
                                                                         : "";
      size_t close = i;
      if (!end.empty()) {
        while (close < html.size() && !starts_with_nocase(html.substr(close), end)) ++close;
      }
      close = html.find('>', close);
      if (close == std::string_view::npos) break;
      i = close;
      out += ' ';
      continue;
    }
    if (html[i] == '&') {
      const size_t end = html.substr(i, 8).find(';');
      const std::string_view entity = end == std::string_view::npos ? "" : html.substr(i + 1, end - 1);
      const char c = entity == "amp"    ? '&'
                     : entity == "lt"   ? '<'
                     : entity == "gt"   ? '>'
                     : entity == "quot" ? '"'
                     : entity == "nbsp" ? ' '
                                        : '\0';
      if (c != '\0') {
        out += c;
        i += end;
        continue;
      }
    }
    out += html[i];
  }
  return out;
}

bool parts_contain(const Part& part, std::string_view message, std::string_view folded, bool with_headers) {
  if (with_headers && header_contains(part.header(message), folded)) return true;
  if (part.children.empty()) {
    return is_searchable(part) && text::contains_folded(decode_text(part, message), folded);
  }
  for (const Part& child : part.children) {
    if (parts_contain(child, message, folded, with_headers || part.is_message())) return true;
  }
  return false;
}

}  // namespace

std::string decode_body(const Part& part, std::string_view message, size_t max) {
  const std::string_view body = part.body(message);
  if (part.encoding == "base64") return text::base64_decode_body(body, max);
  if (part.encoding == "quoted-printable") return text::qp_decode(body, max);
  return std::string(body.substr(0, max));
}

std::string decode_text(const Part& part, std::string_view message, size_t max) {
  const std::string* charset = find_param(part.params, "charset");
  return text::to_utf8(decode_body(part, message, max), charset == nullptr ? std::string_view() : *charset, max);
}

bool is_searchable(const Part& part) { return part.type == "text" || (part.type == "message" && !part.is_message()); }

bool header_contains(std::string_view header, std::string_view folded) {
  for (const rfc5322::Field& field : rfc5322::parse_header(header).fields) {
    const std::string line = std::string(field.name) + ": " + text::decode_words(rfc5322::unfold(field.value));
    if (text::contains_folded(rfc5322::one_spaced(line), folded)) return true;
  }
  return false;
}

// Every body contains the empty text, also one that is not looked into.
bool body_contains(const Part& root, std::string_view message, std::string_view folded) {
  return folded.empty() || parts_contain(root, message, folded, false);
}

bool text_contains(const Part& root, std::string_view message, std::string_view folded) {
  return folded.empty() || parts_contain(root, message, folded, true);
}

std::string preview(const Part& root, std::string_view message, size_t characters) {
  constexpr size_t kLookAt = 16 * 1024;
  const Part* part = first_text(root);
  if (part == nullptr) return "";
  std::string text = decode_text(*part, message, kLookAt);
  if (part->subtype == "html") text = strip_tags(text);
  std::string out;
  size_t taken = 0;
  bool space = false;
  for (size_t at = 0; at < text.size() && taken < characters;) {
    const size_t start = at;
    const char32_t rune = text::next_rune(text, at);
    if (rune <= 32 || rune == 127 || rune == 0xA0) {
      space = taken > 0;
      continue;
    }
    if (space) {
      if (taken + 1 >= characters) break;
      out += ' ';
      ++taken;
    }
    space = false;
    out += std::string_view(text).substr(start, at - start);
    ++taken;
  }
  return out;
}

}  // namespace mailkeep::mime
