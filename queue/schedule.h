// When a failed delivery is tried again, and when it is given up (RFC 5321 4.5.4.1): intervals that double from the
// first to the longest, spread a little so that what failed together does not come back together. Pure.
// Process: queue.
// SPDX-License-Identifier: ISC
#pragma once

#include <cstdint>

#include "queue/envelope.h"

namespace mailkeep::queue {

struct RetryPolicy {
  int64_t first = 60;            // seconds to the second attempt
  int64_t longest = 4 * 3600;    // seconds between attempts at most
  int64_t lifetime = 5 * 86400;  // seconds until a message is given up
  int64_t probe = 0;             // seconds between attempts to reach a host that is down at most; 0: as others
  int64_t warn = 0;              // seconds until its sender is told that it waits; 0: never
};

// Seconds since 1970 of the attempt after the `attempts`-th (at least 1) that failed at `now`.
int64_t next_try(const RetryPolicy& policy, const EnvelopeId& id, uint32_t attempts, int64_t now);

// The attempt after the `failures`-th in a row to reach a host at all.
int64_t next_probe(const RetryPolicy& policy, uint32_t failures, int64_t now);
// A failed attempt was just made: when is the next, at last when the envelope's time is over or its sender must be
// told.
int64_t next_try_of(const RetryPolicy& policy, const Envelope& envelope, int64_t now);

inline int64_t expiry_of(const RetryPolicy& policy, int64_t received) { return received + policy.lifetime; }
inline bool is_expired(const Envelope& envelope, int64_t now) { return now >= envelope.expiry; }

}  // namespace mailkeep::queue
