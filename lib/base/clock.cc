// Clocks: see clock.h.
// SPDX-License-Identifier: ISC
#include "lib/base/clock.h"

#include <ctime>

namespace mailkeep {

namespace {
int64_t micros_of(clockid_t clock) {
  struct timespec ts {};
  clock_gettime(clock, &ts);
  return int64_t{ts.tv_sec} * 1000000 + ts.tv_nsec / 1000;
}
}  // namespace

Micros now_monotonic() { return Micros(micros_of(CLOCK_MONOTONIC)); }
int64_t now_unix() { return micros_of(CLOCK_REALTIME) / 1000000; }
int64_t now_unix_micros() { return micros_of(CLOCK_REALTIME); }

}  // namespace mailkeep
