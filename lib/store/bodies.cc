// Where the bodies lie: see bodies.h.
// SPDX-License-Identifier: ISC
#include "lib/store/bodies.h"

#include <algorithm>

namespace mailkeep::store {

namespace {

constexpr size_t kFewMarks = 1024;  // are left where they are

}  // namespace

void Rows::insert(size_t i, const Message& row) {
  if (i < base_.size()) {  // after damage only: the base cannot grow
    std::vector<Message> all(base_.begin(), base_.end());
    all.insert(all.end(), tail_.begin(), tail_.end());
    tail_ = std::move(all);
    base_ = {};
  }
  tail_.insert(tail_.begin() + static_cast<ptrdiff_t>(i - base_.size()), row);
}

void Rows::truncate(size_t size) {
  if (size <= base_.size()) {
    base_ = base_.first(size);
    tail_.clear();
  } else {
    tail_.resize(size - base_.size());
  }
}

size_t Bodies::lower_bound(std::span<const Body> part, ObjectId object) {
  const auto at =
      std::lower_bound(part.begin(), part.end(), object, [](const Body& b, ObjectId o) { return b.object < o; });
  return static_cast<size_t>(at - part.begin());
}

Body* Bodies::find_in(std::span<Body> part, ObjectId object) {
  if (part.empty() || part.back().object < object) return nullptr;
  Body& body = part[lower_bound(part, object)];
  return body.object == object && body.is_gone == 0 ? &body : nullptr;
}

Body* Bodies::find(ObjectId object) {
  if (Body* body = find_in(tail_, object)) return body;
  if (Body* body = find_in(base_, object)) return body;
  const auto it = loose_.find(object);
  return it == loose_.end() ? nullptr : &it->second;
}

Body& Bodies::put(const Body& body) {
  if (Body* old = find(body.object)) return *old = body;
  const ObjectId last = !tail_.empty() ? tail_.back().object : !base_.empty() ? base_.back().object : 0;
  if (body.object <= last) return loose_[body.object] = body;
  return tail_.emplace_back(body);
}

void Bodies::erase(Body& body) {
  const bool is_newest = !tail_.empty() && &body >= tail_.data() && &body <= &tail_.back();
  if (!is_newest && !base_.empty() && (&body < base_.data() || &body > &base_.back())) {
    loose_.erase(ObjectId{body.object});
    return;
  }
  body.is_gone = 1;
  ++gone_;
  if (!is_newest) return;
  if (++gone_from_tail_ <= kFewMarks || gone_from_tail_ * 2 <= tail_.size()) return;
  std::erase_if(tail_, [](const Body& b) { return b.is_gone != 0; });
  gone_ -= gone_from_tail_;
  gone_from_tail_ = 0;
}

void Bodies::settle(std::span<const ObjectId> unshown) {
  for (ObjectId object : unshown) {
    Body* body = find_in(base_, object);
    if (body != nullptr && body->references == 0) erase(*body);
  }
  for (const auto& [object, body] : loose_) tail_.push_back(body);
  loose_.clear();
  std::erase_if(tail_, [](const Body& b) { return b.is_gone != 0 || b.references == 0; });
  gone_ -= gone_from_tail_;
  gone_from_tail_ = 0;
  const auto by_object = [](const Body& a, const Body& b) { return a.object < b.object; };
  if (!std::is_sorted(tail_.begin(), tail_.end(), by_object)) std::sort(tail_.begin(), tail_.end(), by_object);
  if (base_.empty() || tail_.empty() || tail_.front().object > base_.back().object) return;
  std::vector<Body> all;  // after damage only
  std::merge(base_.begin(), base_.end(), tail_.begin(), tail_.end(), std::back_inserter(all), by_object);
  std::erase_if(all, [](const Body& b) { return b.is_gone != 0; });
  adopt({});
  tail_ = std::move(all);
}

void Bodies::adopt(std::span<Body> base) {
  base_ = base;
  tail_ = {};
  loose_.clear();
  gone_ = gone_from_tail_ = 0;
}

}  // namespace mailkeep::store
