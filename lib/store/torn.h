// Torn or damaged: what a power cut, or the end of a process, may have left of records that were never synced, and what
// it cannot have.
//
// Records are only ever written over zeros: space is allocated as zeros, and what is cut off is durably gone before
// anything new takes its place. A process that dies in the middle of a write leaves the beginning of it; a disk writes
// sectors whole, in any order. So what is missing of a record is zeros, and these reach up to the end of a sector or of
// the record:
//
//   a record      |----------+----------+-----|        + sectors meet
//   torn          |..........+0000000000+.....|
//   torn          |..........+...0000000+00000|
//   damaged       |.....?....+..........+.....|        nothing is missing
//
// Where no such zeros are, the record was written whole and is damaged, whether it was synced or not. The reverse does
// not hold: damage may look like that too. Then what a later record calls durable decides (record.h).
// SPDX-License-Identifier: ISC
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace mailkeep::store {

constexpr size_t kSector = 512;  // the smallest that disks write; more at once is several of them

// Whether the bytes at `at`, which are no sound record, may be a torn one. It was to reach to `end`; npos: that is told
// by its head, if it is there. A sound record behind it (`is_followed`) shows that the sector in which it ends is not
// missing. `bytes` are a segment's from `base` on, up to where it is only zeros.
bool may_be_torn(std::string_view bytes, size_t at, size_t end, bool is_followed, uint64_t base, uint64_t mark);

}  // namespace mailkeep::store
