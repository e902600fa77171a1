// Message digests by libcrypto: see digest.h.
// SPDX-License-Identifier: ISC
#include "lib/crypto/digest.h"

#include <openssl/evp.h>

#include "lib/base/result.h"

namespace mailkeep::crypto {
namespace {

std::string digest(const EVP_MD* kind, std::string_view bytes) {
  unsigned char out[EVP_MAX_MD_SIZE];
  unsigned int length = 0;
  if (EVP_Digest(bytes.data(), bytes.size(), out, &length, kind, nullptr) != 1) fatal("EVP_Digest failed");
  return {reinterpret_cast<const char*>(out), length};
}

}  // namespace

std::string sha256(std::string_view bytes) { return digest(EVP_sha256(), bytes); }
std::string sha512(std::string_view bytes) { return digest(EVP_sha512(), bytes); }

}  // namespace mailkeep::crypto
