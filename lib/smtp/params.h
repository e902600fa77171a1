// Parameters of MAIL and RCPT (RFC 5321 4.1.1.11, 4.1.2): one row a keyword, in params.cc. Strict and pure; smtpd and
// lmtpd. What a parameter needs of the server is named by the EHLO keyword that offers it: the session refuses what it
// did not offer.
// SPDX-License-Identifier: ISC
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/result.h"

namespace mailkeep::smtp {

constexpr size_t kMaxParams = 20;
constexpr size_t kMaxEnvid = 100;  // RFC 3461 4.4, in xtext
constexpr size_t kMaxOrcpt = 500;  // RFC 3461 4.2

// A parameter that was used, and the EHLO keyword under which it is offered; empty: nobody offers it.
struct Need {
  std::string param;
  std::string_view extension;
};

enum class Body : uint8_t { unstated, seven_bit, eight_bit, binary };
enum class Ret : uint8_t { unset, full, headers };

// BY= (RFC 2852 4)
struct DeliverBy {
  int64_t seconds = 0;    // may be negative with `notifies`
  bool notifies = false;  // N, else R: return
  bool traces = false;    // T
};

struct MailParams {
  std::optional<uint64_t> size;       // SIZE= (RFC 1870)
  Body body = Body::unstated;         // BODY= (RFC 6152, RFC 3030)
  bool smtputf8 = false;              // SMTPUTF8 (RFC 6531)
  bool require_tls = false;           // REQUIRETLS (RFC 8689)
  Ret ret = Ret::unset;               // RET= (RFC 3461)
  std::string envid;                  // ENVID= (RFC 3461), xtext as given
  std::optional<int64_t> hold_for;    // HOLDFOR= (RFC 4865), seconds
  std::optional<int64_t> hold_until;  // HOLDUNTIL=, unix seconds
  std::optional<DeliverBy> by;        // BY= (RFC 2852)
  std::optional<int> priority;        // MT-PRIORITY= (RFC 6710), -9 to 9
  std::vector<Need> needs;
};

// NOTIFY= (RFC 3461 4.1)
struct Notify {
  bool never = false;
  bool success = false;
  bool failure = false;
  bool delay = false;
};

struct RcptParams {
  std::optional<Notify> notify;
  std::string orcpt;              // ORCPT= (RFC 3461 4.2, RFC 6533 3), as given
  bool is_international = false;  // with raw UTF-8 in it
  std::vector<Need> needs;
};

// What stands behind the path.
Result<MailParams> parse_mail_params(std::string_view text);
Result<RcptParams> parse_rcpt_params(std::string_view text);

// A value in xtext (RFC 3461 4), and back.
std::string encode_xtext(std::string_view text);
Result<std::string> decode_xtext(std::string_view text);

}  // namespace mailkeep::smtp
