// SASL PLAIN (RFC 4616): the client's one message, as base64 carries it in IMAP, SMTP and ManageSieve.
//
//   message = [authzid] NUL authcid NUL passwd
//
// Pure; run by imapd and smtpd before login; trusts nothing.
// SPDX-License-Identifier: ISC
#pragma once

#include <string>
#include <string_view>

#include "lib/base/limits.h"
#include "lib/base/result.h"

namespace mailkeep::sasl {

// The longest base64 text that can hold a message within the limits below.
constexpr size_t kMaxPlain = (2 * kMaxAddress + kMaxPassword + 2 + 2) / 3 * 4;

struct Plain {
  std::string authzid;  // whom to act as; empty: the same as authcid
  std::string authcid;  // who logs in
  std::string password;
};

// RFC 4616 section 2: authcid and passwd are not empty; nothing holds a NUL; lengths are at most kMaxAddress,
// kMaxAddress and kMaxPassword bytes. An Error's text never repeats what the client sent.
Result<Plain> parse_plain(std::string_view message);

// The same from its base64; "=" stands for an empty message (RFC 4959 3), which is an Error for PLAIN.
Result<Plain> decode_plain(std::string_view base64);

// Overwrites a secret before its memory is given back.
void wipe(std::string& secret);

}  // namespace mailkeep::sasl
