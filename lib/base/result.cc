// Errors from errno, and the end of a process whose invariant broke.
// SPDX-License-Identifier: ISC
#include "lib/base/result.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace mailkeep {

void fatal(std::string_view what) {
  std::fprintf(stderr, "event=fatal text=\"%.*s\"\n", static_cast<int>(what.size()), what.data());
  std::abort();
}

Error errno_error(std::string_view what, int error_number) {
  std::string text(what);
  text += ": ";
  text += std::strerror(error_number);
  return Error(std::move(text), error_number);
}

}  // namespace mailkeep
