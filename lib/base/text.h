// Bounded text: ASCII case, splitting, decimal numbers with limits, joining. No locale, ever.
// SPDX-License-Identifier: ISC
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mailkeep {

constexpr char to_lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; }
constexpr char to_upper(char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - ('a' - 'A')) : c; }
constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }
constexpr bool is_alpha(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
constexpr bool is_alnum(char c) { return is_digit(c) || is_alpha(c); }
constexpr bool is_space(char c) { return c == ' ' || c == '\t'; }

// ASCII case folding only: bytes above 127 compare as they are.
bool equals_nocase(std::string_view a, std::string_view b);
bool starts_with_nocase(std::string_view text, std::string_view prefix);
std::string lower(std::string_view text);
std::string upper(std::string_view text);

// `text` without spaces and tabs at both ends (a view into it).
std::string_view trim(std::string_view text);

// The parts of `text` between `separator`s, empty ones included; views into `text`.
std::vector<std::string_view> split(std::string_view text, char separator);

// A decimal number without sign, spaces or empty text, no larger than `max`.
std::optional<uint64_t> parse_u64(std::string_view text, uint64_t max = UINT64_MAX);

// `text` with everything but printable ASCII written as \xNN: at most `max` bytes, and "..." behind them when something
// was cut.
std::string printable(std::string_view text, size_t max = 200);

// Lower-case hexadecimal digits, two a byte.
std::string hex(std::string_view bytes);
// `value` in exactly 16 lower-case hexadecimal digits: how ids are shown.
std::string hex64(uint64_t value);
// Exactly 1 to 16 hexadecimal digits, else nothing.
std::optional<uint64_t> parse_hex64(std::string_view text);

}  // namespace mailkeep
