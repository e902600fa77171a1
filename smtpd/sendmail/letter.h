// From what a program wrote on our standard input to a message that can be sent: lines of CRLF, a header with complete
// addresses and an author, the recipients that it names. Pure.
// SPDX-License-Identifier: ISC
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "lib/base/result.h"
#include "smtpd/sendmail/arguments.h"

namespace mailkeep::sendmail {

constexpr size_t kMaxLine = 998;  // RFC 5322 2.1.1, without its CRLF

// LF, CRLF and lone CR end lines, which get CRLF; a last line without an end gets one; NUL is left out. With `dots`, a
// line of one dot is the end. Longer lines than kMaxLine go on in the next, behind a space.
std::string normalize(std::string_view text, bool dots);

// Every address in the value of such a field without a domain gets "@origin".
std::string qualify(std::string_view value, std::string_view origin);

// The addresses of a list, each with a domain. Error: one of them is none.
Result<std::vector<std::string>> addresses_of(std::string_view list, std::string_view origin);

// -f's value: an address, perhaps in <> or behind a name; "" and "<>": the null sender.
Result<std::string> sender_of(std::string_view value, std::string_view origin);

struct Letter {
  std::string sender;                   // of the envelope; empty: <>
  std::vector<std::string> recipients;  // each once
  std::string text;                     // the whole message
};

// `text` is normalized. `address` and `full_name` are the user's: what -f and -F do not say.
Result<Letter> compose(const Arguments& a, std::string_view text, const std::string& address, const std::string& origin,
                       const std::string& full_name);

}  // namespace mailkeep::sendmail
