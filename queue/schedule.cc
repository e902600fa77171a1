// Back-off and lifetime. See schedule.h.
// SPDX-License-Identifier: ISC
#include "queue/schedule.h"

#include <algorithm>

namespace mailkeep::queue {

int64_t next_try(const RetryPolicy& policy, const EnvelopeId& id, uint32_t attempts, int64_t now) {
  constexpr uint32_t kMaxDoublings = 20;
  const int64_t first = std::max<int64_t>(policy.first, 1);
  const uint32_t doublings = std::min(attempts == 0 ? 0 : attempts - 1, kMaxDoublings);
  const int64_t wait = std::min(first << doublings, std::max(policy.longest, first));
  const auto spread = static_cast<int64_t>(EnvelopeIdHash()(id) % 1000);  // up to a tenth more
  return now + wait + wait * spread / 10000;
}

int64_t next_probe(const RetryPolicy& policy, uint32_t failures, int64_t now) {
  const int64_t wait = next_try(policy, EnvelopeId(), failures, now) - now;
  return now + (policy.probe > 0 ? std::min(wait, std::max(policy.probe, int64_t{1})) : wait);
}

int64_t next_try_of(const RetryPolicy& policy, const Envelope& e, int64_t now) {
  int64_t next = next_try(policy, e.id, e.attempts, now);
  if (now < e.expiry) next = std::min(next, e.expiry);
  if (now < e.warn_at) next = std::min(next, e.warn_at);
  return next;
}

}  // namespace mailkeep::queue
