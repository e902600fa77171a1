// Deliveries: those that were stored, so that none is stored twice; each with the time, until it can be forgotten. The
// older ones lie in the mapped index, ascending; the newer ones in memory of their own.
// SPDX-License-Identifier: ISC
#pragma once

#include <algorithm>
#include <map>
#include <span>
#include <type_traits>
#include <utility>

#include "lib/store/types.h"

namespace mailkeep::store {

// The same in memory and in the index.
struct Delivery {
  uint64_t message = 0;
  uint32_t recipient = 0;
  uint32_t unused = 0;
  int64_t when = 0;
  DeliveryId id() const { return {message, recipient}; }
};
static_assert(sizeof(Delivery) == 24 && std::is_trivially_copyable_v<Delivery>);

class Deliveries {
 public:
  bool contains(const DeliveryId& id) const {
    const auto at = std::lower_bound(base_.begin(), base_.end(), id,
                                     [](const Delivery& d, const DeliveryId& i) { return d.id() < i; });
    return (at != base_.end() && at->id() == id) || newer_.contains(id);
  }
  void add(const DeliveryId& id, int64_t when) {
    if (!contains(id)) newer_.emplace(id, when);
  }
  // These are all the deliveries now; `base` outlives this, or the next adopt().
  void adopt(std::span<const Delivery> base) {
    base_ = base;
    newer_.clear();
  }
  void replace(std::map<DeliveryId, int64_t> all) {
    base_ = {};
    newer_ = std::move(all);
  }
  // In order.
  template <class Each>
  void visit(Each each) const {
    auto newer = newer_.begin();
    for (const Delivery& old : base_) {
      for (; newer != newer_.end() && newer->first < old.id(); ++newer) each(make(*newer));
      each(old);
    }
    for (; newer != newer_.end(); ++newer) each(make(*newer));
  }

 private:
  static Delivery make(const std::pair<const DeliveryId, int64_t>& d) {
    return {d.first.message, d.first.recipient, 0, d.second};
  }

  std::span<const Delivery> base_;
  std::map<DeliveryId, int64_t> newer_;
};

}  // namespace mailkeep::store
