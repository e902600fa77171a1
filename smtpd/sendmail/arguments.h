// The command line of sendmail(8): what Sendmail, Postfix and OpenSMTPD take; what has no meaning here is taken and
// ignored.
// SPDX-License-Identifier: ISC
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/result.h"

namespace mailkeep::sendmail {

enum class Mode : uint8_t { kSend, kSmtp, kQueue, kAliases, kRunQueue };

struct Arguments {
  std::string name = "sendmail";  // as it was called
  Mode mode = Mode::kSend;
  std::string config;        // -C; empty: the server's usual one
  bool from_header = false;  // -t: recipients are those of the header
  bool dots = true;          // a line of one dot ends the message; not with -i
  bool has_sender = false;   // -f or -r
  std::string sender;        // as given
  std::string full_name;     // -F
  std::string notify;        // -N, in upper case: NEVER, or of SUCCESS,FAILURE,DELAY
  std::string ret;           // -R: FULL or HDRS
  std::string envelope_id;   // -V
  bool is_quiet = false;     // -oeq: nothing is said of what failed
  bool is_verbose = false;
  std::vector<std::string> recipients;  // as given
};

// `words` without the program's name. Error: what is wrong with them, for EX_USAGE.
Result<Arguments> parse_arguments(std::string_view program, std::span<const std::string_view> words);

}  // namespace mailkeep::sendmail
