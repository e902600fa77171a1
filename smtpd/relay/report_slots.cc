// The notes that reports lie in: see report_slots.h.
// SPDX-License-Identifier: ISC
#include "smtpd/relay/report_slots.h"

#include <algorithm>

namespace mailkeep::relay {

void ReportSlots::touch(const ReportKey& key) {
  const auto it = where_.find(key);
  if (it != where_.end()) {
    dirty_.insert(it->second);
  } else {
    homeless_.insert(key);
  }
}

void ReportSlots::touch_slot(size_t slot) {
  dirty_.insert(slot);
  used_ = std::max(used_, slot + 1);
}

void ReportSlots::touch_all() {
  for (const auto& [key, slot] : where_) dirty_.insert(slot);
}

bool ReportSlots::place(const ReportKey& key, size_t slot, size_t bytes) {
  used_ = std::max(used_, slot + 1);
  const auto [it, is_new] = where_.emplace(key, slot);
  if (!is_new) {
    dirty_.insert(it->second);
    dirty_.insert(slot);
    return false;
  }
  slots_[slot].keys.insert(key);
  slots_[slot].bytes += bytes;
  if (homeless_.erase(key) > 0) dirty_.insert(slot);
  return true;
}

// The first slot with room. False: there is none.
bool ReportSlots::settle(const ReportKey& key, size_t bytes, std::set<size_t>& work) {
  for (size_t i = 0; i < slots_.size(); i++) {
    Slot& slot = slots_[i];
    if (!slot.keys.empty() && slot.bytes + bytes > kSlotBytes) continue;
    slot.bytes = slot.keys.empty() ? bytes : slot.bytes + bytes;
    slot.keys.insert(key);
    where_[key] = i;
    used_ = std::max(used_, i + 1);
    work.insert(i);
    return true;
  }
  where_.erase(key);
  homeless_.insert(key);
  return false;
}

// Ends: a slot that has been packed once is not over its size again, so that each entry moves a few times at most.
std::vector<SlotNote> ReportSlots::pack(const Encode& encode, std::set<size_t> work) {
  std::map<size_t, SlotNote> out;
  std::set<size_t> gained;
  while (!work.empty()) {
    const size_t number = work.extract(work.begin()).value();
    dirty_.erase(number);
    Slot& slot = slots_[number];
    SlotNote& note = out[number];
    note = {number, {}};
    slot.bytes = 0;
    std::vector<std::pair<ReportKey, size_t>> moving;
    for (auto it = slot.keys.begin(); it != slot.keys.end();) {
      std::string entry = encode(*it);
      const bool fits = note.entries.empty() || slot.bytes + entry.size() <= kSlotBytes;
      if (!entry.empty() && fits) {
        slot.bytes += entry.size();
        note.entries.push_back(std::move(entry));
        ++it;
        continue;
      }
      if (entry.empty()) {
        where_.erase(*it);
      } else {
        moving.emplace_back(*it, entry.size());
      }
      it = slot.keys.erase(it);
    }
    for (const auto& [key, bytes] : moving) {
      if (settle(key, bytes, work)) gained.insert(where_[key]);
    }
  }
  // An entry that moves is written where it goes before it is missing where it was.
  std::vector<SlotNote> list;
  for (auto& [number, note] : out) list.push_back(std::move(note));
  std::stable_partition(list.begin(), list.end(), [&](const SlotNote& n) { return gained.contains(n.slot); });
  return list;
}

std::vector<SlotNote> ReportSlots::changed(const Encode& encode) {
  std::set<size_t> work = dirty_;
  for (const ReportKey& key : std::exchange(homeless_, {})) {
    const std::string entry = encode(key);
    if (!entry.empty()) settle(key, entry.size(), work);
  }
  return pack(encode, std::move(work));
}

std::vector<SlotNote> ReportSlots::changed(const Encode& encode, const ReportKey& only) {
  std::set<size_t> work;
  if (homeless_.erase(only) > 0) {
    const std::string entry = encode(only);
    if (!entry.empty()) settle(only, entry.size(), work);
  }
  const auto it = where_.find(only);
  if (it != where_.end() && dirty_.contains(it->second)) work.insert(it->second);
  return pack(encode, std::move(work));
}

}  // namespace mailkeep::relay
