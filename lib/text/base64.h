// Base64 (RFC 4648 section 4; bodies RFC 2045 6.8). Pure; any process.
// SPDX-License-Identifier: ISC
#pragma once

#include <string>
#include <string_view>

#include "lib/base/result.h"

namespace mailkeep::text {

// With padding, without line breaks.
std::string base64_encode(std::string_view bytes);

// Exactly the alphabet, padded to a multiple of four, no spaces, unused bits zero: what SASL and
// protocols carry. Everything else is an Error.
Result<std::string> base64_decode(std::string_view text);

// A message's body: skips what is not of the alphabet, ends at padding, keeps what was complete.
// At most `max` bytes come out.
std::string base64_decode_body(std::string_view text, size_t max = SIZE_MAX);

}  // namespace mailkeep::text
