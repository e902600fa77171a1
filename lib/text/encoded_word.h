// Encoded-words in header fields (RFC 2047, language tag RFC 2231 5) to UTF-8. Pure.
// SPDX-License-Identifier: ISC
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace mailkeep::text {

// `text` (an unfolded field value) with its encoded-words decoded, white space between two of them gone,
// the rest as it is, or what is no UTF-8 as windows-1252. Tolerant: words longer than 75 and spaces inside Q are taken,
// what is not an encoded-word stays. Adjacent words of one charset and encoding are joined before conversion, for
// characters cut in two by the sender. At most `max` bytes.
std::string decode_words(std::string_view text, size_t max = 64 * 1024);

}  // namespace mailkeep::text
