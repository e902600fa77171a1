// The tag lists of TXT records (RFC 6376 3.2; RFC 8461 3.1 and RFC 8460 3 have the same shape). Pure. Trusts nothing:
// who asks for a tag looks at its value.
//
//   tag-list = tag *( ";" tag ) [ ";" ]
//   tag      = name "=" value            ; spaces and tabs around either count for nothing
// SPDX-License-Identifier: ISC
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mailkeep::text {

struct Tag {
  std::string_view name, value;  // of one without "=" the value is empty, of an empty one both are
};

// In their order; views into `text`.
std::vector<Tag> parse_tags(std::string_view text);

// The tags of the one among a name's TXT records that begins with v=`version`; nothing: there is none, or more than
// one.
std::optional<std::vector<Tag>> tags_of_record(const std::vector<std::string>& texts, std::string_view version);

}  // namespace mailkeep::text
