// See needle.h.
// SPDX-License-Identifier: ISC
#include "queue/needle.h"

#include <algorithm>

#include "lib/base/text.h"

namespace mailkeep::queue {

Needle::Needle(std::string_view text) : text_(lower(text)) {
  skip_.fill(static_cast<uint8_t>(std::min<size_t>(text_.size(), UINT8_MAX)));
  for (size_t i = 0; i + 1 < text_.size(); ++i) {
    const auto further = static_cast<uint8_t>(std::min<size_t>(text_.size() - 1 - i, UINT8_MAX));
    const auto byte = static_cast<uint8_t>(text_[i]);
    skip_[byte] = further;
    if (byte >= 'a' && byte <= 'z') skip_[byte - ('a' - 'A')] = further;
  }
}

bool Needle::is_in(std::string_view text) const {
  const size_t size = text_.size();
  if (size == 0) return true;
  for (size_t at = 0; at + size <= text.size(); at += skip_[static_cast<uint8_t>(text[at + size - 1])]) {
    size_t left = size;
    while (left > 0 && to_lower(text[at + left - 1]) == text_[left - 1]) --left;
    if (left == 0) return true;
  }
  return false;
}

}  // namespace mailkeep::queue
