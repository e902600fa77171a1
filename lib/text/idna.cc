// U-labels to A-labels: see idna.h.
// SPDX-License-Identifier: ISC
#include "lib/text/idna.h"

#include <idn2.h>

#include <cstdlib>
#include <memory>

#include "lib/text/utf8.h"

namespace mailkeep::text {

namespace {
constexpr size_t kMaxUnicodeDomain = 1000;  // 253 code points of up to 4 bytes, with room for none of the others
struct Free {
  void operator()(char* p) const { std::free(p); }
};
}  // namespace

Result<std::string> domain_to_ascii(std::string_view domain) {
  if (is_ascii(domain)) return std::string(domain);
  if (domain.size() > kMaxUnicodeDomain || domain.find('\0') != std::string_view::npos || !is_utf8(domain)) {
    return Error("not a domain name in UTF-8");
  }
  char* out = nullptr;
  const int rc = idn2_to_ascii_8z(std::string(domain).c_str(), &out, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);
  const std::unique_ptr<char, Free> owned(out);
  if (rc != IDN2_OK) return Error(std::string("not an international domain name: ") + idn2_strerror(rc));
  return std::string(owned.get());
}

}  // namespace mailkeep::text
