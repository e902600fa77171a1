// Reads a table's file without the engine, past damaged pages, for the case that the engine refuses it. Every record
// that is still whole on its page is found, whatever became of the page around it.
// Used by the queue at its start. Trusts nothing that it reads.
// SPDX-License-Identifier: ISC
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "lib/base/result.h"

namespace mailkeep::db {

struct TableVisitor {
  // How long a valid record of the caller's is that begins here; 0: none does. Called at any byte of a damaged page.
  std::function<size_t(std::string_view bytes)> record_at;
  // An entry as its page lists it. May come twice; the value may be damaged, the key too, or empty where it could not
  // be read.
  std::function<void(std::string_view key, std::string_view value)> entry;
  // A valid record whose key was not found.
  std::function<void(std::string_view value)> record;
};

struct TableState {
  uint64_t pages = 0;
  uint64_t damaged = 0;
};

// ENOENT: no such table.
Result<TableState> read_table(const std::string& path, uint32_t page_bytes, const TableVisitor& visitor);

}  // namespace mailkeep::db
