// A part's body as text: transfer encoding and charset undone, for SEARCH, previews and Sieve. Pure.
// SPDX-License-Identifier: ISC
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "lib/mime/structure.h"

namespace mailkeep::mime {

// The body's bytes without transfer encoding (base64, quoted-printable; others as they are), at most `max`.
std::string decode_body(const Part& part, std::string_view message, size_t max = SIZE_MAX);
// Also in UTF-8 by the part's charset. For text parts.
std::string decode_text(const Part& part, std::string_view message, size_t max = SIZE_MAX);

// Whether SEARCH BODY looks into it: text/*, and message/* that is not parsed as a message.
bool is_searchable(const Part& part);

// SEARCH BODY: whether any searchable part's decoded text, or the header of an embedded message, contains the folded
// text (text::casefold).
bool body_contains(const Part& root, std::string_view message, std::string_view folded);
// SEARCH TEXT: also the message's own header and the parts' headers.
bool text_contains(const Part& root, std::string_view message, std::string_view folded);
// A header's fields, decoded, with their names.
bool header_contains(std::string_view header, std::string_view folded);

// The first text part's beginning, white space collapsed, tags of HTML dropped; at most `characters` (RFC 8970).
std::string preview(const Part& root, std::string_view message, size_t characters = 200);

}  // namespace mailkeep::mime
