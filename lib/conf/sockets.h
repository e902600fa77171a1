// Where the running server's sockets are, for the programs that call it. A file that has been broken since, or whose parts the caller
// may not read, must not lock anybody out: then the paths are taken from its plain settings, or are the usual ones.
// SPDX-License-Identifier: ISC
#pragma once

#include <string>

namespace mailkeep::conf {

std::string find_control_socket(const std::string& file);
// The first local listener.
std::string find_submit_socket(const std::string& file);

}  // namespace mailkeep::conf
