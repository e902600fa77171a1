// Writing IMAP's responses: each function appends one value of the grammar (RFC 3501 9) to `out`.
// SPDX-License-Identifier: ISC
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace mailkeep::imap {

// string: quoted when it is short and plain, else a literal. NUL, which no string may hold, is left out.
void write_string(std::string& out, std::string_view text);
// astring: an atom where that serves.
void write_astring(std::string& out, std::string_view text);
// The header of a literal: "{" size "}" CRLF; the caller appends exactly `size` bytes.
void write_literal_header(std::string& out, uint64_t size);
// text of a response or response code: CR, LF, NUL and bytes above 126 become "?".
void write_text(std::string& out, std::string_view text);

}  // namespace mailkeep::imap
