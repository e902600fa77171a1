// Strings, ENVELOPE, BODY and BODYSTRUCTURE in IMAP's words (RFC 3501 4.3, 7.4.2). Pure.
// SPDX-License-Identifier: ISC
#pragma once

#include <string>
#include <string_view>

#include "lib/mime/structure.h"
#include "lib/rfc5322/header.h"

namespace mailkeep::mime {

// string: quoted where it may be (7-bit, no CR LF, not too long), else a literal "{n}" CRLF bytes. NUL is dropped.
std::string imap_string(std::string_view text);
// nstring: NIL for empty text.
std::string imap_nstring(std::string_view text);

// "(date subject from sender reply-to to cc bcc in-reply-to message-id)"; sender and reply-to default to from. Field
// values are unfolded; encoded-words stay.
std::string imap_envelope(const rfc5322::Header& header);

// BODY (extended false) or BODYSTRUCTURE of a part and all below. A multipart without parts is shown with one
// empty text part, since the grammar wants one.
std::string imap_body(const Part& part, std::string_view message, bool extended);

}  // namespace mailkeep::mime
