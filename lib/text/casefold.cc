// Case folding: see the header.
// SPDX-License-Identifier: ISC
#include "lib/text/casefold.h"

#include <unicase.h>
#include <uninorm.h>

#include <cstdlib>
#include <memory>

#include "lib/base/text.h"
#include "lib/text/utf8.h"

namespace mailkeep::text {
namespace {

struct Free {
  void operator()(uint8_t* p) const { std::free(p); }
};

}  // namespace

std::string casefold(std::string_view utf8) {
  if (is_ascii(utf8)) return lower(utf8);
  const std::string good = repair_utf8(utf8);
  size_t length = 0;
  const std::unique_ptr<uint8_t, Free> folded(
      u8_casefold(reinterpret_cast<const uint8_t*>(good.data()), good.size(), nullptr, UNINORM_NFKD, nullptr, &length));
  if (folded == nullptr) return lower(good);  // out of memory for the tables: ASCII folding still finds most
  return std::string(reinterpret_cast<const char*>(folded.get()), length);
}

bool contains_folded(std::string_view haystack, std::string_view folded_needle) {
  return casefold(haystack).find(folded_needle) != std::string::npos;
}

}  // namespace mailkeep::text
