// SASL PLAIN from the network: what is taken keeps to the limits and comes back the same.
// SPDX-License-Identifier: ISC
#include <cstdint>

#include "lib/sasl/plain.h"
#include "lib/text/base64.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace mailkeep;
  const std::string_view in(reinterpret_cast<const char*>(data), size);
  if (auto plain = sasl::decode_plain(in)) {
    const std::string again = plain->authzid + '\0' + plain->authcid + '\0' + plain->password;
    if (text::base64_encode(again) != in) fatal("sasl: not the same again");
  }
  if (auto plain = sasl::parse_plain(in)) {
    if (plain->authcid.empty() || plain->authcid.size() > kMaxAddress || plain->password.size() > kMaxPassword) {
      fatal("sasl: over a limit");
    }
  }
  return 0;
}
