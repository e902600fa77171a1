// Sections: see the header. RFC 3501 6.4.5 numbers: a message/rfc822 part's number also stands for the message in it.
// SPDX-License-Identifier: ISC
#include "lib/mime/section.h"

#include <algorithm>

#include "lib/base/text.h"

namespace mailkeep::mime {
namespace {

// The message whose parts a further number counts: `part` itself at the root, the message inside a message/rfc822.
const Part* message_of(const Part& part, bool is_root) {
  if (is_root) return &part;
  return part.is_message() && !part.children.empty() ? &part.children[0] : nullptr;
}

const Part* nth_part(const Part& part, bool is_root, uint32_t number) {
  if (number == 0) return nullptr;
  const Part* message = message_of(part, is_root);
  const Part& counted = message == nullptr ? part : *message;
  if (counted.is_multipart()) return number <= counted.children.size() ? &counted.children[number - 1] : nullptr;
  return message != nullptr && number == 1 ? message : nullptr;
}

}  // namespace

const Part* find_part(const Part& root, const std::vector<uint32_t>& number) {
  const Part* part = &root;
  bool counts_as_root = true;
  for (const uint32_t n : number) {
    const Part* next = nth_part(*part, counts_as_root, n);
    if (next == nullptr) return nullptr;
    // "1" of a message that is not multipart is that message's own body: what is below it, if it is a message/rfc822,
    // is counted like below any other part.
    counts_as_root = false;
    part = next;
  }
  return part;
}

std::optional<Range> find_section(const Part& root, const std::vector<uint32_t>& number, SectionText text) {
  const Part* part = find_part(root, number);
  if (part == nullptr) return std::nullopt;
  const bool is_root = number.empty();
  if (text == SectionText::whole) {
    return is_root ? Range{0, root.body_end} : Range{part->body_start, part->size()};
  }
  if (text == SectionText::mime) {
    if (is_root) return std::nullopt;
    return Range{part->header_start, part->body_start - part->header_start};
  }
  const Part* message = message_of(*part, is_root);
  if (message == nullptr) return std::nullopt;
  if (text == SectionText::header) return Range{message->header_start, message->body_start - message->header_start};
  return Range{message->body_start, message->size()};
}

std::string select_fields(std::string_view header, const std::vector<std::string>& names, bool is_not) {
  std::string out;
  rfc5322::HeaderLimits limits;
  limits.fields = SIZE_MAX;
  limits.header = SIZE_MAX;
  limits.field = SIZE_MAX;
  const rfc5322::Header parsed = rfc5322::parse_header(header, limits);
  for (const rfc5322::Field& field : parsed.fields) {
    const bool is_named = std::any_of(names.begin(), names.end(),
                                      [&field](const std::string& name) { return equals_nocase(name, field.name); });
    if (is_named == is_not) continue;
    out += field.raw;
    if (field.raw.empty() || field.raw.back() != '\n') out += "\r\n";
  }
  return parsed.has_end ? out + "\r\n" : out;
}

}  // namespace mailkeep::mime
