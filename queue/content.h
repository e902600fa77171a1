// Message bodies in sealed memory files: how small ones arrive and how they are handed on. Process: queue.
// A memory file from another process is believed only when it is sealed: else its sender could change it later.
// SPDX-License-Identifier: ISC
#pragma once

#include <string>

#include "lib/base/fd.h"
#include "lib/base/result.h"

namespace mailkeep::queue {

Result<Fd> make_memory_file(std::string_view content);
// EINVAL: not sealed against writing and resizing, or not `size` bytes long.
Result<std::string> read_memory_file(int fd, uint64_t size);

}  // namespace mailkeep::queue
