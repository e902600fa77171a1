// Unix sockets of other programs, which a worker in its empty directory cannot reach: the parent connects, as that
// worker.
// SPDX-License-Identifier: ISC
#pragma once

#include <string>
#include <string_view>

#include "lib/base/fd.h"
#include "smtpd/parent/identities.h"

namespace mailkeep::parent {

// A connection to `path` with the rights of `who` and of the groups that the system user `name` is in (none: of the gid
// alone), for the way there and as what the server sees. The descriptor is non-blocking. The parent itself is root
// again when this returns, or it ends.
Result<Fd> connect_as(const std::string& path, const Identity& who, std::string_view name);

}  // namespace mailkeep::parent
