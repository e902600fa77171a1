// Bodies: where each message's bytes lie, by object, ascending. The older ones lie in the mapped index, the newer ones
// in memory of their own; one that nobody shows any more stays as a mark until there are too many of them.
// SPDX-License-Identifier: ISC
#pragma once

#include <span>
#include <type_traits>
#include <unordered_map>
#include <vector>

#include "lib/store/rows.h"

namespace mailkeep::store {

// Where a message's bytes lie, and their copy in the header cache. The same in memory and in the index.
struct Body {
  ObjectId object = 0;
  uint64_t offset = 0;
  uint64_t cache_at = 0;  // offset + 1; 0: not cached
  uint32_t segment = 0;   // 0: the file big/<object>
  uint32_t size = 0;
  uint32_t crc = 0;
  uint32_t references = 0;  // rows that show it
  uint32_t cache_size = 0;
  uint32_t is_gone = 0;
};
static_assert(sizeof(Body) == 48 && std::is_trivially_copyable_v<Body>);

class Bodies {
 public:
  // nullptr: not there. Good until the next put() or erase().
  Body* find(ObjectId object);
  // Puts a new one, or one in the place of what was there.
  Body& put(const Body& body);
  void erase(Body& body);
  size_t size() const { return base_.size() + tail_.size() + loose_.size() - gone_; }

  // The end of a replay: drops those that no row shows (`unshown` names candidates among the older ones), and puts
  // those in order that came out of it.
  void settle(std::span<const ObjectId> unshown);
  // These are all of them now; `base` outlives this, or the next adopt().
  void adopt(std::span<Body> base);

  // Those from `from` on, ascending, until `each` returns false. Only when settled.
  template <class Each>
  void visit(ObjectId from, Each each) {
    for (const std::span<Body> part : {base_, std::span<Body>(tail_)}) {
      for (Body& body : part.subspan(lower_bound(part, from))) {
        if (body.is_gone == 0 && !each(body)) return;
      }
    }
  }

 private:
  static size_t lower_bound(std::span<const Body> part, ObjectId object);
  static Body* find_in(std::span<Body> part, ObjectId object);

  std::span<Body> base_;
  std::vector<Body> tail_;                    // ascending, above all of base_
  std::unordered_map<ObjectId, Body> loose_;  // came out of order: only while replaying
  size_t gone_ = 0;                           // marks, in base_ and tail_
  size_t gone_from_tail_ = 0;
};

}  // namespace mailkeep::store
