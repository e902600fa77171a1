// SMTP and LMTP commands (RFC 5321 4.1.1, RFC 1870, 6152, 3461, 4954, 2033): one line in, a verb with its
// arguments out. Pure; smtpd and lmtpd.
// SPDX-License-Identifier: ISC
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/result.h"
#include "lib/smtp/address.h"

namespace mailkeep::smtp {

constexpr size_t kMaxCommandLine = 512;   // RFC 5321 4.5.3.1.4, with CRLF
constexpr size_t kMaxMailLine = 2048;     // with the room that the extensions add (RFC 1870, 3461, 4954, 6152, 6531)
constexpr size_t kMaxAuthLine = 12288;    // RFC 4954 4
constexpr size_t kMaxParams = 20;

enum class Verb : uint8_t {
  unknown, helo, ehlo, lhlo, mail, rcpt, data, bdat, rset, noop, quit, vrfy, expn, help, starttls, auth, etrn, xclient
};

struct Command {
  Verb verb = Verb::unknown;
  std::string_view name;       // as given
  std::string_view arguments;  // behind the verb's space, trailing white space gone
};

// `line` without its line end. An Error for controls or 8-bit bytes (outside arguments of MAIL and RCPT, where the
// address grammar decides) and for an empty line.
Result<Command> parse_command(std::string_view line);

enum class Body : uint8_t { unstated, seven_bit, eight_bit, binary };

// keyword [ "=" value ] of RFC 5321 4.1.2 that is none of the fields below.
struct Param {
  std::string keyword;  // upper case
  std::string value;
};

struct MailArgs {
  Path path;
  std::optional<uint64_t> size;       // SIZE= (RFC 1870)
  Body body = Body::unstated;         // BODY= (RFC 6152)
  bool smtputf8 = false;              // SMTPUTF8 (RFC 6531)
  std::vector<Param> others;          // the session refuses what it did not offer (555)
};

struct RcptArgs {
  Path path;  // never null; Postmaster has no domain
  std::vector<Param> others;
};

// `arguments` of MAIL: "FROM:" Path [SP params]. One space behind the colon is forgiven.
Result<MailArgs> parse_mail_args(std::string_view arguments);
// `arguments` of RCPT: "TO:" Path [SP params].
Result<RcptArgs> parse_rcpt_args(std::string_view arguments);

// The argument of HELO, EHLO, LHLO: Domain or address-literal.
bool is_helo_name(std::string_view name);

// A value in xtext (RFC 3461 4), decoded.
Result<std::string> decode_xtext(std::string_view text);

}  // namespace mailkeep::smtp
