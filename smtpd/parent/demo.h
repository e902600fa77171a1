// The embedded demonstration: what `mailkeepd -d --demo DIR` needs on disk.
// SPDX-License-Identifier: ISC
#pragma once

#include <string>

#include "lib/base/result.h"

namespace mailkeep::parent {

// Makes DIR with the demonstration's configuration (for mailkeepctl -f), accounts and aliases and, by the openssl
// program (the parent itself links no TLS), a self-signed certificate. What is there already stays.
Status make_demo(const std::string& directory);

}  // namespace mailkeep::parent
