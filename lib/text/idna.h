// International domain names (RFC 5890, 5891; mapping by UTS 46, non-transitional) by libidn2. Pure.
// SPDX-License-Identifier: ISC
#pragma once

#include <string>
#include <string_view>

#include "lib/base/result.h"

namespace mailkeep::text {

// The domain with every U-label as its A-label: "bücher.test" gives "xn--bcher-kva.test". Plain ASCII comes back as it
// is, unchecked. At most 1,000 bytes of UTF-8.
Result<std::string> domain_to_ascii(std::string_view domain);

}  // namespace mailkeep::text
