// Berkeley DB's return codes as Errors.
// SPDX-License-Identifier: ISC
#include "lib/db/error.h"

namespace mailkeep::db {

static int errno_of(int code) {
  if (code > 0) return code;
  switch (code) {
    case DB_RUNRECOVERY: return ENOTRECOVERABLE;
    case DB_PAGE_NOTFOUND:
    case DB_CHKSUM_FAIL:
    case DB_VERIFY_BAD: return EBADMSG;
    default: return EIO;
  }
}

Error make_error(std::string_view call, std::string_view what, int code) {
  std::string text(call);
  if (!what.empty()) text.append(" ").append(what);
  text.append(": ").append(db_strerror(code));
  return Error(std::move(text), errno_of(code));
}

}  // namespace mailkeep::db
