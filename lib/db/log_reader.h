// Reads the engine's log without the engine, past damaged places, for the case that the engine itself would stop there:
// its recovery takes the first record that it cannot read for the end of the log, without a word.
//
//   file log.NNNNNNNNNN: records, back to back, then zeros
//   record:  u32 offset of the one before it · u32 length with this head · u32 checksum · payload
//   payload: u32 type · u32 transaction · u32,u32 place of that transaction's record before · fields by type
//
// (Berkeley DB 5.3, src/db/db.src and src/btree/btree.src; numbers in the machine's order.)
//
// A record that cannot be read may also be one that a power cut left unfinished. What tells them apart is a mark: a
// record that Environment writes first after each sync. All that lies before a mark was on disk once, so what cannot be
// read there is damage; after the last mark it is the torn end, which was never acknowledged, as is all behind it.
//
// Used by the queue at its start. Trusts nothing that it reads.
// SPDX-License-Identifier: ISC
#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/result.h"

namespace mailkeep::db {

// What a mark says, as text in a record of the type that the engine keeps for notes.
constexpr std::string_view kDurableMark = "mailkeep: all before this is on disk";

struct LogPlace {
  uint32_t file = 0;
  uint32_t offset = 0;
  auto operator<=>(const LogPlace&) const = default;
};

struct LogDamage {
  LogPlace place;
  uint64_t bytes = 0;  // 0: a whole file, or its end
};

struct LogState {
  std::vector<LogDamage> damage;  // in the order of the log
  LogPlace redo;                  // the tables hold all that was committed before this
  LogPlace last_mark;
};

// Nothing is changed. A directory without a log is in order.
Result<LogState> examine_log(const std::string& home);

// What committed transactions did to the records of all tables, in order: from the start of the log when nothing before
// `redo` is damaged, else from `redo`. A record that was damaged is left out. A transaction that lost a part is applied
// as if it had been committed, without its removals: rather a message twice than not at all. `put` may see what a table
// had before, when a page of it was split; never what had been removed. Keys come as values do: the caller knows its
// values.
struct LogVisitor {
  std::function<void(std::string_view value)> put;
  std::function<void(std::string_view value)> removed;
};
Status replay_log(const std::string& home, const LogState& state, const LogVisitor& visitor);

}  // namespace mailkeep::db
