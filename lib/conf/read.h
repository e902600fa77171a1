// Reads a whole regular file of the administrator: the configuration and its tables.
// SPDX-License-Identifier: ISC
#pragma once

#include <string>

#include "lib/base/result.h"

namespace mailkeep::conf {

// Refuses what is no regular file (a FIFO would hang us) or larger than `max` bytes. Symbolic links are followed:
// the path is the administrator's.
Result<std::string> read_file(const std::string& path, size_t max);

}  // namespace mailkeep::conf
