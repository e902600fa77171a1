// The selected mailbox as one client knows it. Run by `user`.
// SPDX-License-Identifier: ISC
#include "imapd/session/view.h"

#include <algorithm>
#include <string>

namespace mailkeep::imapd {

using store::Uid;

std::optional<uint32_t> View::number(Uid uid) const {
  const auto at = std::lower_bound(uids.begin(), uids.end(), uid);
  if (at == uids.end() || *at != uid) return std::nullopt;
  return static_cast<uint32_t>(at - uids.begin()) + 1;
}

uint32_t View::recent_count() const {
  ptrdiff_t count = 0;
  for (const store::UidRange& range : recent) {
    const auto first = std::lower_bound(uids.begin(), uids.end(), range.first);
    count += std::upper_bound(first, uids.end(), range.last) - first;
  }
  return static_cast<uint32_t>(count);
}

std::optional<std::vector<Uid>> View::select(const imap::SequenceSet& set, bool by_uid) const {
  const auto size = static_cast<uint32_t>(uids.size());
  std::vector<Uid> out;
  if (by_uid) {
    for (const imap::NumberRange& range : set.resolve(uids.empty() ? 0 : uids.back())) {
      const auto first = std::lower_bound(uids.begin(), uids.end(), range.first);
      out.insert(out.end(), first, std::upper_bound(first, uids.end(), range.last));
    }
    return out;
  }
  // "1:*" of an empty mailbox names nothing; a number that does not exist is the client's error.
  const bool has_star = std::any_of(set.ranges.begin(), set.ranges.end(),
                                    [](const imap::NumberRange& r) { return r.first == 0 || r.last == 0; });
  if (size == 0 && has_star) return out;
  if (!set.within(size)) return std::nullopt;
  for (const imap::NumberRange& range : set.resolve(size))
    out.insert(out.end(), uids.begin() + (range.first - 1), uids.begin() + range.last);
  return out;
}

void View::note(const store::Change& change) {
  switch (change.kind) {
    case store::Change::Kind::added:
      for (const store::UidRange& range : change.uids)
        for (uint64_t uid = range.first; uid <= range.last; ++uid) added.push_back(static_cast<Uid>(uid));
      break;
    case store::Change::Kind::flags:
      flagged.insert(flagged.end(), change.uids.begin(), change.uids.end());
      store::normalize(flagged);
      break;
    case store::Change::Kind::expunged:
      std::erase_if(added, [&](Uid uid) { return store::contains(change.uids, uid); });
      expunged.insert(expunged.end(), change.uids.begin(), change.uids.end());
      store::normalize(expunged);
      break;
    case store::Change::Kind::deleted: is_gone = true; break;
    case store::Change::Kind::mailbox: break;
  }
}

store::UidSet to_uid_set(std::span<const Uid> ascending) {
  store::UidSet out;
  for (Uid uid : ascending) store::add_ascending(out, uid);
  return out;
}

std::string format_uids(const store::UidSet& set) {
  std::string out;
  for (const store::UidRange& range : set) {
    if (!out.empty()) out += ',';
    out += std::to_string(range.first);
    if (range.last != range.first) out += ':' + std::to_string(range.last);
  }
  return out;
}

}  // namespace mailkeep::imapd
