// Which note of the queue a report that is owed lies in: packed, so that thousands of domains with a few counts each
// take some hundred notes, and only those are written again in which something has changed.
//
//   touch(key) ─▶ its slot is to be written, or it has none yet ─ changed() ─▶ slots to write, each whole
//
// An entry that has outgrown its slot moves to another one. Pure. Run by relay.
// SPDX-License-Identifier: ISC
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace mailkeep::relay {

constexpr size_t kReportSlots = 512;
constexpr size_t kSlotBytes = 8 * 1024;  // one entry may be more, and has a slot for itself then

using ReportKey = std::pair<int64_t, std::string>;  // when the period began, domain

struct SlotNote {
  size_t slot = 0;
  std::vector<std::string> entries;  // none: the slot is empty now
};

class ReportSlots {
 public:
  // What an entry is now; empty: it is gone.
  using Encode = std::function<std::string(const ReportKey&)>;

  // That entry has changed, is new, or gone.
  void touch(const ReportKey& key);
  void touch_all();
  bool is_touched() const { return !dirty_.empty() || !homeless_.empty(); }
  // It was read from there. False: it has been read from another slot already; both are to be written.
  bool place(const ReportKey& key, size_t slot, size_t bytes);
  void touch_slot(size_t slot);

  // What is to be written of all that was touched, or of that entry's slot alone. An entry that no slot has room for
  // stays touched.
  std::vector<SlotNote> changed(const Encode& encode);
  std::vector<SlotNote> changed(const Encode& encode, const ReportKey& only);
  size_t used() const { return used_; }  // slots below that number have been written, or read

 private:
  struct Slot {
    std::set<ReportKey> keys;
    size_t bytes = 0;  // when it was packed last
  };
  bool settle(const ReportKey& key, size_t bytes, std::set<size_t>& work);
  std::vector<SlotNote> pack(const Encode& encode, std::set<size_t> work);

  std::vector<Slot> slots_{kReportSlots};
  std::map<ReportKey, size_t> where_;
  std::set<ReportKey> homeless_;
  std::set<size_t> dirty_;
  size_t used_ = 0;
};

}  // namespace mailkeep::relay
