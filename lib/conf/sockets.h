// Where the running server's sockets are, for the programs that call it. A file that has been broken since, or whose
// parts the caller may not read, must not lock anybody out: then the paths are taken from its plain settings, or are
// the usual ones.
// SPDX-License-Identifier: ISC
#pragma once

#include <string>

#include "lib/base/fd.h"
#include "lib/base/result.h"

namespace mailkeep::conf {

std::string find_control_socket(const std::string& file);
// The first local listener.
std::string find_submit_socket(const std::string& file);
// A connection to one of them, blocking.
Result<Fd> connect_to(const std::string& path);

}  // namespace mailkeep::conf
