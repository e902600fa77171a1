// HMAC-SHA-256 (RFC 2104, FIPS 180-4) by libcrypto.
// SPDX-License-Identifier: ISC
#pragma once

#include <string>
#include <string_view>

namespace mailkeep::crypto {

constexpr size_t kHmacBytes = 32;

// kHmacBytes of binary; empty where libcrypto fails, which then must count as no match at all.
std::string hmac_sha256(std::string_view key, std::string_view data);

}  // namespace mailkeep::crypto
