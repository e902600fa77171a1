// Charsets of mail (RFC 2045 5.1, RFC 2978) to UTF-8, by iconv(3). Pure but for the C library's own
// conversion tables; the charset's name comes from outside and is checked before iconv sees it.
// SPDX-License-Identifier: ISC
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace mailkeep::text {

constexpr size_t kMaxCharsetName = 40;

// Whether to_utf8() knows the name: US-ASCII and UTF-8 always, the others as iconv has them.
bool is_known_charset(std::string_view charset);

// The directory that iconv(3) loads its converters from when they are first used; empty where the C library says
// nothing. A sandbox must leave it readable.
std::string converter_directory();

// `bytes` in UTF-8, always well formed, at most `max` bytes. Bytes that are invalid in `charset` become
// U+FFFD. An unknown charset is read as UTF-8. US-ASCII and no charset with 8-bit bytes: as UTF-8 where that
// is well formed, else as windows-1252, as mail programs do.
std::string to_utf8(std::string_view bytes, std::string_view charset, size_t max = SIZE_MAX);

}  // namespace mailkeep::text
