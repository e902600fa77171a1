// Quoted-printable bodies (RFC 2045 6.7) and the Q encoding of encoded-words (RFC 2047 4.2), decoding. Pure.
// SPDX-License-Identifier: ISC
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace mailkeep::text {

// Tolerant as RFC 2045 6.7 advises: a bad escape stays as it is, white space before a line end goes,
// CRLF and LF both end a line and stay as they are. Never longer than its input, nor than `max`.
std::string qp_decode(std::string_view text, size_t max = SIZE_MAX);

// The text between the last two question marks of a Q encoded-word: "_" is a space.
std::string q_decode(std::string_view text);

// 0 to 15, or -1.
int hex_value(char c);

}  // namespace mailkeep::text
