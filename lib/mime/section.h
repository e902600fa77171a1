// The sections of a message that IMAP's BODY[…] names (RFC 3501 6.4.5): ranges of its bytes. Pure.
// SPDX-License-Identifier: ISC
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/mime/structure.h"

namespace mailkeep::mime {

enum class SectionText : uint8_t { whole, header, text, mime };  // BODY[1], [1.HEADER], [1.TEXT], [1.MIME]

// The part with that number, or nullptr. {} is the message itself; {1} of a message that is not multipart is its body.
const Part* find_part(const Part& root, const std::vector<uint32_t>& number);

struct Range {
  size_t start = 0;
  size_t size = 0;
};

// Nothing when there is no such part, or the text does not exist for it (HEADER of what is no message).
std::optional<Range> find_section(const Part& root, const std::vector<uint32_t>& number, SectionText text);

// HEADER.FIELDS (or .NOT) of a header's bytes: the fields as they are, then the empty line if there is one (RFC 3501
// 6.4.5).
std::string select_fields(std::string_view header, const std::vector<std::string>& names, bool is_not);

}  // namespace mailkeep::mime
