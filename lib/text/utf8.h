// UTF-8 (RFC 3629): strict decoding, encoding, repair. Pure.
// SPDX-License-Identifier: ISC
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace mailkeep::text {

constexpr char32_t kBadRune = 0xFFFFFFFF;

// The code point at `at` (which must be inside `text`), moving `at` behind it. A byte that does not start a
// well-formed sequence (overlong, surrogate, above 10FFFF, cut off) gives kBadRune and moves one byte.
char32_t next_rune(std::string_view text, size_t& at);

// Appends a valid code point.
void append_rune(std::string& out, char32_t rune);

bool is_ascii(std::string_view text);
bool is_utf8(std::string_view text);

// `text` with every bad byte replaced by U+FFFD. At most `max` bytes, cut between code points.
std::string repair_utf8(std::string_view text, size_t max = SIZE_MAX);

}  // namespace mailkeep::text
