// lookup's slice of the configuration. For slices.cc alone.
// SPDX-License-Identifier: ISC
#pragma once

#include <algorithm>
#include <cstdint>

#include "smtpd/parent/slices.h"

namespace mailkeep::parent {

inline uint32_t seconds(Seconds s) { return static_cast<uint32_t>(std::clamp<int64_t>(s.count(), 0, UINT32_MAX)); }

// Error: a file that cannot be opened, or a list that is too long.
Status send_lookup(imsg::Channel& to, const Generation& g);

}  // namespace mailkeep::parent
