// XCLIENT (Postfix's XCLIENT_README): a front end that we trust says for which client it speaks. Strict and pure.
//   XCLIENT 1*( SP name "=" xtext )
// [UNAVAILABLE] and [TEMPUNAVAIL] say that a value is not known, for good or for now.
// SPDX-License-Identifier: ISC
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "lib/base/result.h"

namespace mailkeep::receive {

// What is offered; LOGIN is not among it: who has logged in is auth's to say, whatever a front end claims.
constexpr std::string_view kXclientAttributes = "NAME ADDR PORT PROTO HELO DESTADDR DESTPORT";

// What is said of one attribute.
struct Said {
  enum class State : uint8_t { kNothing, kUnavailable, kTemporarily, kKnown };
  State state = State::kNothing;
  std::string value;  // of kKnown alone
  bool is_said() const { return state != State::kNothing; }
  bool is_known() const { return state == State::kKnown; }
};

struct Xclient {
  Said name;     // a domain, lower case, without a dot at its end
  Said address;  // numeric
  Said port;
  Said proto;  // "SMTP" or "ESMTP"
  Said helo;   // printable, and nothing that could break out of a Received field: that is "?"
  Said login;
  Said destination, destination_port;
};

Result<Xclient> parse_xclient(std::string_view arguments);

}  // namespace mailkeep::receive
