// The few file calls of the parent: whole small files, memory files, and opening what a worker is to read.
// SPDX-License-Identifier: ISC
#pragma once

#include <string>
#include <string_view>

#include "lib/base/fd.h"
#include "lib/base/result.h"

namespace mailkeep::parent {

Result<std::string> read_file(const std::string& path, size_t max);
Status write_all(int fd, std::string_view bytes);
// A sealed memory file with `content`, at offset 0.
Result<Fd> memory_file(const char* name, std::string_view content);
// Read-only, for passing on; a regular file only.
Result<Fd> open_for_worker(const std::string& path);

}  // namespace mailkeep::parent
