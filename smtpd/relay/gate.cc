// Connections and pace of a group of receivers: see gate.h.
// SPDX-License-Identifier: ISC
#include "smtpd/relay/gate.h"

#include <algorithm>

namespace mailkeep::relay {

void Gate::apply(Group& g, const Provider* limits) {
  g.most = limits == nullptr ? 0 : limits->connections;
  g.delay = limits == nullptr ? 0 : limits->delay;
  if (g.most > 0) g.limit = std::clamp(g.limit, 1.0, static_cast<double>(g.most));
}

void Gate::set_limits(std::string_view group, const Provider* limits) {
  const auto it = groups_.find(group);
  if (it != groups_.end()) apply(it->second, limits);
}

void Gate::take(Group& g, int64_t now) {
  ++g.open;
  g.next = now + g.delay;
}

Gate::Pass Gate::enter(std::string_view group, const Provider* limits, uint64_t job, int64_t now) {
  auto it = groups_.find(group);
  if (it == groups_.end()) {
    it = groups_.emplace(std::string(group), Group()).first;
    apply(it->second, limits);
  }
  Group& g = it->second;
  if (g.line.empty() && has_room(g) && now >= g.next) {
    take(g, now);
    return Pass::kGo;
  }
  if (g.line.size() >= kLine) return Pass::kFull;
  g.line.push_back(job);
  ++waiting_;
  return Pass::kWait;
}

bool Gate::start(std::string_view group, int64_t now) {
  const auto it = groups_.find(group);
  if (it == groups_.end()) return true;
  if (now < it->second.next) return false;
  it->second.next = now + it->second.delay;
  return true;
}

void Gate::leave(std::string_view group) {
  const auto it = groups_.find(group);
  if (it == groups_.end()) return;
  it->second.open -= std::min<size_t>(it->second.open, 1);
}

std::optional<Gate::Next> Gate::next(int64_t now, const MayReuse& may_reuse) {
  if (waiting_ == 0) return {};
  for (auto& [name, g] : groups_) {
    if (g.line.empty() || now < g.next) continue;
    const uint64_t job = g.line.front();
    const bool reuses = may_reuse(job);
    if (!reuses && !has_room(g)) continue;
    g.line.pop_front();
    --waiting_;
    if (reuses) {
      g.next = now + g.delay;
    } else {
      take(g, now);
    }
    return Next{job, !reuses};
  }
  return {};
}

std::optional<int64_t> Gate::wait(int64_t now, const MayReuse& may_reuse) const {
  std::optional<int64_t> out;
  for (const auto& [name, g] : groups_) {
    if (g.line.empty() || (!has_room(g) && !may_reuse(g.line.front()))) continue;
    const int64_t left = std::max<int64_t>(g.next - now, 0);
    if (!out || left < *out) out = left;
  }
  return out;
}

bool Gate::is_full(std::string_view group) const {
  const auto it = groups_.find(group);
  return it != groups_.end() && !has_room(it->second);
}

bool Gate::is_awaited(std::string_view group) const {
  const auto it = groups_.find(group);
  return it != groups_.end() && !it->second.line.empty();
}

void Gate::forget(uint64_t job) {
  for (auto& [name, g] : groups_) waiting_ -= static_cast<size_t>(std::erase(g.line, job));
}

void Gate::judge(std::string_view group, bool is_good) {
  const auto it = groups_.find(group);
  if (it == groups_.end() || it->second.most == 0) return;
  Group& g = it->second;
  const double most = g.most;
  g.limit = is_good ? std::min(most, g.limit + 1 / g.limit) : std::max(1.0, g.limit / 2);
}

size_t Gate::open(std::string_view group) const {
  const auto it = groups_.find(group);
  return it == groups_.end() ? 0 : it->second.open;
}

}  // namespace mailkeep::relay
