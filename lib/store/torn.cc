// Torn or damaged: see torn.h.
// SPDX-License-Identifier: ISC
#include "lib/store/torn.h"

#include <algorithm>

#include "lib/store/bytes.h"
#include "lib/store/record.h"

namespace mailkeep::store {

namespace {

// Where a record with nothing sound behind it was to end. Of a torn one the sizes are true, or it ends before them.
size_t intended_end(std::string_view bytes, size_t at, uint64_t mark) {
  const std::string_view rest = bytes.substr(at);
  uint64_t size = std::max<uint64_t>(rest.find_last_not_of('\0') + 1, kRecordHeader);
  if (begins_record(rest, mark)) size = std::max(size, claimed_size(rest));
  return at + size;
}

}  // namespace

bool may_be_torn(std::string_view bytes, size_t at, size_t end, bool is_followed, uint64_t base, uint64_t mark) {
  const auto is_zero_before = [&](size_t place) { return place > bytes.size() || bytes[place - 1] == '\0'; };
  if (end == std::string_view::npos) end = intended_end(bytes, at, mark);
  if (!is_followed && is_zero_before(end)) return true;
  for (size_t place = at + kSector - (base + at) % kSector; place <= end; place += kSector) {
    if (is_zero_before(place)) return true;
  }
  return false;
}

}  // namespace mailkeep::store
