// sequence-set (RFC 3501 9): message numbers or unique identifiers as a client writes them.
// SPDX-License-Identifier: ISC
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mailkeep::imap {

constexpr size_t kMaxRanges = 16384;  // of a set; RFC 7162 6 wants clients to stay below 8192 octets a line

struct NumberRange {
  uint32_t first;
  uint32_t last;
};

// The set as written: 0 stands for "*". Ranges may overlap, be reversed and be out of order.
struct SequenceSet {
  std::vector<NumberRange> ranges;

  // The set with "*" put in place: sorted, disjoint, first <= last. With `star` 0 (an empty mailbox) nothing is in it.
  std::vector<NumberRange> resolve(uint32_t star) const;
  // True when no number but "*" in it is above `max`.
  bool within(uint32_t max) const;
};

// The whole of `text` as a sequence-set; nothing when it is none or has more than kMaxRanges.
std::optional<SequenceSet> sequence_set(std::string_view text);

// `value` is in `ranges` (sorted and disjoint).
bool contains(const std::vector<NumberRange>& ranges, uint32_t value);

// Sorted numbers as the shortest set: "1:3,7". For COPYUID.
std::string format_set(const std::vector<uint32_t>& numbers);

}  // namespace mailkeep::imap
