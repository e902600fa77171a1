// What the parent tells the world around it: systemd's notification socket, and the log level's number.
// SPDX-License-Identifier: ISC
#pragma once

#include <cstdint>
#include <string_view>

namespace mailkeep::parent {

// sd_notify(3)'s protocol: does nothing when systemd did not ask for it.
void notify_systemd(std::string_view state);

// "error" 0, "warn" 1, "info" 2, "debug" 3; anything else 2.
uint8_t log_level_number(std::string_view name);

}  // namespace mailkeep::parent
