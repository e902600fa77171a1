// What an IMAP server says it can do, at each stage of a connection (RFC 3501 6.1.1, 7.2.1): the strings
// that follow "CAPABILITY". Used by imapd before login and by the session in `user` after it, so that
// the two cannot disagree.
// SPDX-License-Identifier: ISC
#pragma once

#include <string_view>

namespace mailkeep::imap {

// Before TLS on a listener that wants it: no login is taken (RFC 3501 6.2.3).
constexpr std::string_view kCapabilityBeforeTls = "IMAP4rev1 LITERAL+ ID ENABLE STARTTLS LOGINDISABLED";

// Before TLS where the listener says plaintext-ok and the client is local.
constexpr std::string_view kCapabilityPlaintextLogin = "IMAP4rev1 LITERAL+ SASL-IR ID ENABLE STARTTLS AUTH=PLAIN";

// Before login, inside TLS.
constexpr std::string_view kCapabilityBeforeLogin = "IMAP4rev1 LITERAL+ SASL-IR ID ENABLE AUTH=PLAIN";

// After login: what the session does.
constexpr std::string_view kCapability =
    "IMAP4rev1 LITERAL+ ID ENABLE IDLE NAMESPACE UIDPLUS UNSELECT CHILDREN SPECIAL-USE CREATE-SPECIAL-USE MOVE";

// Answer to ID (RFC 2971): what runs here, without a version for those who look for old ones.
constexpr std::string_view kIdResponse = "(\"name\" \"Mailkeep\")";

}  // namespace mailkeep::imap
