// Berkeley DB's return codes as Errors. Only files of lib/db include this, because of <db.h>.
// SPDX-License-Identifier: ISC
#pragma once

#include <db.h>

#include <string_view>

#include "lib/base/result.h"

namespace mailkeep::db {

// `code` is what the library returned, not 0. Its positive codes are errno's; of its own, the one that asks for a
// new start (DB_RUNRECOVERY) becomes ENOTRECOVERABLE, those that tell of damage EBADMSG, all others EIO.
Error make_error(std::string_view call, std::string_view what, int code);

}  // namespace mailkeep::db
