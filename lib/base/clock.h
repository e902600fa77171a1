// Clocks: monotonic time for timers, wall time for what people and other machines see.
// SPDX-License-Identifier: ISC
#pragma once

#include <chrono>
#include <cstdint>

namespace mailkeep {

using Seconds = std::chrono::seconds;
using Millis = std::chrono::milliseconds;
using Micros = std::chrono::microseconds;

// Time since an arbitrary start; never goes back (CLOCK_MONOTONIC).
Micros now_monotonic();
// Seconds since 1970-01-01 UTC.
int64_t now_unix();
// Microseconds since 1970-01-01 UTC.
int64_t now_unix_micros();

}  // namespace mailkeep
