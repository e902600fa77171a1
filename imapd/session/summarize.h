// What the store's header cache keeps of a message (store::Options::summarize), made by lib/mime.
// Run by `user` at each delivery and append.
// SPDX-License-Identifier: ISC
#pragma once

#include <string_view>

#include "lib/store/types.h"

namespace mailkeep::imapd {

store::Summary summarize(std::string_view message);

}  // namespace mailkeep::imapd
