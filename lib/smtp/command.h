// SMTP and LMTP commands (RFC 5321 4.1.1, RFC 2033, 3030, 4954): one line in, a verb with its arguments out; parameters
// of MAIL and RCPT are in params.h. Pure; smtpd and lmtpd.
// SPDX-License-Identifier: ISC
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/result.h"
#include "lib/smtp/address.h"
#include "lib/smtp/params.h"

namespace mailkeep::smtp {

constexpr size_t kMaxCommandLine = 512;  // RFC 5321 4.5.3.1.4, with CRLF
constexpr size_t kMaxMailLine = 2048;    // with the room that the extensions add (RFC 1870, 3461, 4954, 6152, 6531)
constexpr size_t kMaxAuthLine = 12288;   // RFC 4954 4

enum class Verb : uint8_t {
  unknown,
  helo,
  ehlo,
  lhlo,
  mail,
  rcpt,
  data,
  bdat,
  rset,
  noop,
  quit,
  vrfy,
  expn,
  help,
  starttls,
  auth,
  etrn,
  xclient
};

struct Command {
  Verb verb = Verb::unknown;
  std::string_view name;       // as given
  std::string_view arguments;  // behind the verb's space, trailing white space gone
};

// `line` without its line end. An Error for controls or 8-bit bytes (outside arguments of MAIL and RCPT, where the
// address grammar decides) and for an empty line.
Result<Command> parse_command(std::string_view line);

struct MailArgs {
  Path path;
  MailParams params;
};

struct RcptArgs {
  Path path;  // never null; Postmaster has no domain
  RcptParams params;
};

// BDAT SP chunk-size [SP "LAST"] (RFC 3030 2).
struct BdatArgs {
  uint64_t size = 0;
  bool is_last = false;
};

// `arguments` of MAIL: "FROM:" Path [SP params]. One space behind the colon is forgiven.
Result<MailArgs> parse_mail_args(std::string_view arguments);
// `arguments` of RCPT: "TO:" Path [SP params].
Result<RcptArgs> parse_rcpt_args(std::string_view arguments);

Result<BdatArgs> parse_bdat_args(std::string_view arguments);

// The argument of HELO, EHLO, LHLO: Domain or address-literal.
bool is_helo_name(std::string_view name);

}  // namespace mailkeep::smtp
