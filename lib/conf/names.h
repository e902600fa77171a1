// What names in the configuration and its tables may look like.
// SPDX-License-Identifier: ISC
#pragma once

#include <string_view>

namespace mailkeep::conf {

// Labels of letters, digits, '-' and '_' (and bytes above 127) between single dots; at most kMaxDomain bytes.
bool is_domain(std::string_view text);
// What an address is rewritten from or to: "local@domain", or "@domain".
bool is_rewriting(std::string_view text);
// Starts with '/', has no ".." component and no control byte.
bool is_absolute_path(std::string_view text);
// What Linux takes for a network interface (IFNAMSIZ, no '/' or space), and no half-written address.
bool is_interface(std::string_view text);

}  // namespace mailkeep::conf
