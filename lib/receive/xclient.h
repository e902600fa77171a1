// XCLIENT (Postfix's XCLIENT_README): a front end that we trust says for which client it speaks. Strict and pure.
//   XCLIENT 1*( SP name "=" xtext )
// SPDX-License-Identifier: ISC
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "lib/base/result.h"

namespace mailkeep::receive {

// What is offered; LOGIN is not among it: who has logged in is auth's to say, whatever a front end claims.
constexpr std::string_view kXclientAttributes = "NAME ADDR PORT PROTO HELO DESTADDR DESTPORT";

struct Xclient {
  std::optional<std::string> address;  // numeric; nothing: not said, or not known
  bool hides_address = false;          // not known
  bool names_login = false;            // it claims somebody has logged in
};

Result<Xclient> parse_xclient(std::string_view arguments);

}  // namespace mailkeep::receive
