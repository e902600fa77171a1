// Uid sets and what a mailbox says about its rows.
// SPDX-License-Identifier: ISC
#include "lib/store/types.h"

#include <algorithm>

#include "lib/base/text.h"

namespace mailkeep::store {

void normalize(UidSet& set) {
  for (UidRange& range : set) {
    if (range.first > range.last) std::swap(range.first, range.last);
  }
  std::sort(set.begin(), set.end(), [](const UidRange& a, const UidRange& b) { return a.first < b.first; });
  size_t kept = 0;
  for (size_t i = 0; i < set.size(); ++i) {
    if (kept > 0 && (set[kept - 1].last == UINT32_MAX || set[i].first <= set[kept - 1].last + 1)) {
      set[kept - 1].last = std::max(set[kept - 1].last, set[i].last);
    } else {
      set[kept++] = set[i];
    }
  }
  set.resize(kept);
}

void add_ascending(UidSet& set, Uid uid) {
  if (!set.empty() && set.back().last + 1 == uid) {
    set.back().last = uid;
  } else {
    set.push_back({uid, uid});
  }
}

bool contains(const UidSet& set, Uid uid) {
  const auto after =
      std::upper_bound(set.begin(), set.end(), uid, [](Uid u, const UidRange& r) { return u < r.first; });
  return after != set.begin() && uid <= std::prev(after)->last;
}

uint64_t count(const UidSet& set) {
  uint64_t n = 0;
  for (const UidRange& range : set) n += uint64_t{range.last} - range.first + 1;
  return n;
}

size_t Mailbox::lower_bound(Uid uid) const {
  const auto at =
      std::lower_bound(messages.begin(), messages.end(), uid, [](const Message& m, Uid u) { return m.uid < u; });
  return static_cast<size_t>(at - messages.begin());
}

const Message* Mailbox::find(Uid uid) const {
  const size_t at = lower_bound(uid);
  return at < messages.size() && messages[at].uid == uid ? &messages[at] : nullptr;
}

uint32_t Mailbox::recent() const { return static_cast<uint32_t>(messages.size() - lower_bound(first_recent())); }

uint64_t Mailbox::keyword_bit(std::string_view keyword) const {
  for (size_t i = 0; i < keywords.size(); ++i) {
    if (equals_nocase(keywords[i], keyword)) return uint64_t{1} << i;
  }
  return 0;
}

std::vector<std::string> Mailbox::keyword_names(uint64_t bits) const {
  std::vector<std::string> names;
  for (size_t i = 0; i < keywords.size() && bits >> i != 0; ++i) {
    if ((bits >> i & 1) != 0) names.push_back(keywords[i]);
  }
  return names;
}

uint64_t Mailbox::spare_keyword_bits() const {
  if (keywords.size() < kMaxKeywords) return ~uint64_t{0} << keywords.size();
  uint64_t used = 0;
  for (const Message& message : messages) used |= message.keywords;
  return ~used;
}

std::optional<size_t> Mailbox::first_unseen() const {
  if (unseen == 0) return std::nullopt;
  for (size_t i = 0; i < messages.size(); ++i) {
    if ((messages[i].flags & kSeen) == 0) return i;
  }
  return std::nullopt;
}

}  // namespace mailkeep::store
