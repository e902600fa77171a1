// HMAC: see hmac.h.
// SPDX-License-Identifier: ISC
#include "lib/crypto/hmac.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

namespace mailkeep::crypto {

std::string hmac_sha256(std::string_view key, std::string_view data) {
  std::string out(kHmacBytes, '\0');
  unsigned size = 0;
  const auto* bytes = reinterpret_cast<const unsigned char*>(data.data());
  const bool good = HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), bytes, data.size(),
                         reinterpret_cast<unsigned char*>(out.data()), &size) != nullptr;
  return good && size == kHmacBytes ? out : std::string();
}

}  // namespace mailkeep::crypto
