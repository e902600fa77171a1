// The grammar of selections, one for all of mailkeepctl's verbs about the queue. Pure.
//
//   selection = "all" / 1*ID / 1*condition     ; ID: 16 hexadecimal digits, perhaps .NUMBER. All conditions must hold
//   condition = "sender=" address / "recipient=" address / "domain=" domain / "account=" name / "subject=" text /
//               "state=" state / "older=" duration / "younger=" duration / "larger=" size / "smaller=" size
//   address   = an address, "@domain" for any of that domain, or "<>"
//   duration  = 1*( digits ( "w" / "d" / "h" / "m" / "s" ) )   ; 1d12h
//   size      = digits [ "K" / "M" / "G" ]
// SPDX-License-Identifier: ISC
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "lib/base/result.h"
#include "queue/messages.h"

namespace mailkeep::ctl {

// One for each id, else one. The error says which word was not understood, and what would have been.
Result<std::vector<queue::Selection>> parse_selections(std::span<const std::string_view> words, int64_t now);

}  // namespace mailkeep::ctl
