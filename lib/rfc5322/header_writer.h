// Writing header fields: folding at 78, never over 998 where a space allows it (RFC 5322 2.1.1, 2.2.3). Pure.
// SPDX-License-Identifier: ISC
#pragma once

#include <string>
#include <string_view>

namespace mailkeep::rfc5322 {

// "Name: value" CRLF, folded before spaces. CR, LF and NUL in `value` become spaces: no value can end the field.
// `name` must be a field name (a broken invariant otherwise).
std::string format_field(std::string_view name, std::string_view value);

}  // namespace mailkeep::rfc5322
