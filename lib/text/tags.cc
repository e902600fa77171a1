// Tag lists: see tags.h.
// SPDX-License-Identifier: ISC
#include "lib/text/tags.h"

#include "lib/base/text.h"

namespace mailkeep::text {

std::vector<Tag> parse_tags(std::string_view text) {
  std::vector<Tag> out;
  for (const std::string_view field : split(text, ';')) {
    const size_t equals = field.find('=');
    out.push_back(
        {trim(field.substr(0, equals)), equals == field.npos ? std::string_view() : trim(field.substr(equals + 1))});
  }
  return out;
}

std::optional<std::vector<Tag>> tags_of_record(const std::vector<std::string>& texts, std::string_view version) {
  std::optional<std::vector<Tag>> out;
  for (const std::string& text : texts) {
    auto tags = parse_tags(text);
    if (tags.front().name != "v" || tags.front().value != version) continue;
    if (out) return {};
    out = std::move(tags);
  }
  return out;
}

}  // namespace mailkeep::text
