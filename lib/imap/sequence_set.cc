// sequence-set (RFC 3501 9). Pure; runs in `user`; trusts nothing.
// SPDX-License-Identifier: ISC
#include "lib/imap/sequence_set.h"

#include <algorithm>

#include "lib/base/text.h"

namespace mailkeep::imap {
namespace {

// seq-number = nz-number / "*"
std::optional<uint32_t> seq_number(std::string_view text) {
  if (text == "*") return 0;
  if (text.empty() || text.size() > 10 || !is_digit(text[0])) return std::nullopt;
  const auto value = parse_u64(text, UINT32_MAX);
  if (!value || *value == 0) return std::nullopt;
  return static_cast<uint32_t>(*value);
}

}  // namespace

std::optional<SequenceSet> sequence_set(std::string_view text) {
  SequenceSet set;
  while (true) {
    const size_t comma = text.find(',');
    const std::string_view part = text.substr(0, comma);
    const size_t colon = part.find(':');
    const auto first = seq_number(part.substr(0, colon));
    const auto last = colon == std::string_view::npos ? first : seq_number(part.substr(colon + 1));
    if (!first || !last || set.ranges.size() == kMaxRanges) return std::nullopt;
    set.ranges.push_back({*first, *last});
    if (comma == std::string_view::npos) return set;
    text.remove_prefix(comma + 1);
  }
}

std::vector<NumberRange> SequenceSet::resolve(uint32_t star) const {
  std::vector<NumberRange> out;
  if (star == 0) return out;
  out.reserve(ranges.size());
  for (const NumberRange& r : ranges) {
    const uint32_t a = r.first == 0 ? star : r.first;
    const uint32_t b = r.last == 0 ? star : r.last;
    out.push_back({std::min(a, b), std::max(a, b)});
  }
  std::sort(out.begin(), out.end(), [](const NumberRange& a, const NumberRange& b) { return a.first < b.first; });
  size_t kept = 0;
  for (size_t i = 1; i < out.size(); ++i) {
    if (uint64_t{out[i].first} <= uint64_t{out[kept].last} + 1)
      out[kept].last = std::max(out[kept].last, out[i].last);
    else
      out[++kept] = out[i];
  }
  if (!out.empty()) out.resize(kept + 1);
  return out;
}

bool SequenceSet::within(uint32_t max) const {
  return std::all_of(ranges.begin(), ranges.end(),
                     [max](const NumberRange& r) { return r.first <= max && r.last <= max; });
}

bool contains(const std::vector<NumberRange>& ranges, uint32_t value) {
  auto after = std::upper_bound(ranges.begin(), ranges.end(), value,
                                [](uint32_t v, const NumberRange& r) { return v < r.first; });
  return after != ranges.begin() && std::prev(after)->last >= value;
}

std::string format_set(const std::vector<uint32_t>& numbers) {
  std::string out;
  for (size_t i = 0; i < numbers.size();) {
    size_t j = i;
    while (j + 1 < numbers.size() && numbers[j + 1] == numbers[j] + 1) ++j;
    if (!out.empty()) out += ',';
    out += std::to_string(numbers[i]);
    if (j > i) out += ':' + std::to_string(numbers[j]);
    i = j + 1;
  }
  return out;
}

}  // namespace mailkeep::imap
