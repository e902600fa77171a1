// Message digests (FIPS 180-4), in binary.
// SPDX-License-Identifier: ISC
#pragma once

#include <string>
#include <string_view>

namespace mailkeep::crypto {

constexpr size_t kSha256Bytes = 32;
constexpr size_t kSha512Bytes = 64;

std::string sha256(std::string_view bytes);
std::string sha512(std::string_view bytes);

}  // namespace mailkeep::crypto
