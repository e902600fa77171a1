// The directory of charset converters, for SEARCH and the header cache: read where a message needs one, so that a start
// costs nothing.
// SPDX-License-Identifier: ISC
#pragma once

#include <fcntl.h>

#include "lib/base/fd.h"
#include "lib/text/charset.h"

namespace mailkeep::user {

inline Fd open_converters() {
  const std::string path = text::converter_directory();
  return Fd(path.empty() ? -1 : open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
}

}  // namespace mailkeep::user
