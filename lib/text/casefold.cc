// Case folding: see the header. Searching folds in slices, so that memory stays small whatever the body's size.
// SPDX-License-Identifier: ISC
#include "lib/text/casefold.h"

#include <unicase.h>
#include <uninorm.h>

#include <algorithm>
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
  if (folded_needle.empty()) return true;
  constexpr size_t kSlice = 64 * 1024;
  std::string window;  // the end of what was folded before, then the slice
  while (!haystack.empty()) {
    size_t cut = std::min(kSlice, haystack.size());
    if (cut < haystack.size()) {  // behind an ASCII byte, where no character and no decomposition crosses
      size_t ascii = cut;
      while (ascii > 0 && static_cast<uint8_t>(haystack[ascii - 1]) >= 0x80) --ascii;
      if (ascii > 0) {
        cut = ascii;
      } else {
        while (cut > 1 && (static_cast<uint8_t>(haystack[cut]) & 0xC0) == 0x80) --cut;
      }
    }
    window += casefold(haystack.substr(0, cut));
    haystack.remove_prefix(cut);
    if (window.find(folded_needle) != std::string::npos) return true;
    if (window.size() >= folded_needle.size()) window.erase(0, window.size() - (folded_needle.size() - 1));
  }
  return false;
}

}  // namespace mailkeep::text
