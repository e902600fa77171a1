// SMTP replies (RFC 5321 4.2, enhanced codes RFC 2034 and 3463): formatting ours, reading a server's. Pure.
// SPDX-License-Identifier: ISC
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/result.h"

namespace mailkeep::smtp {

constexpr size_t kMaxReplyLine = 2048;  // RFC 5321 says 512; servers write more
constexpr size_t kMaxReplyLines = 128;

// "250 2.1.5 text" CRLF. `enhanced` may be empty. The text is cut to what fits and bytes that are not printable ASCII
// become "?", so no input that is echoed can add a line.
std::string format_reply(int code, std::string_view enhanced, std::string_view text);
// "250-a" CRLF "250 b" CRLF. At least one line.
std::string format_multiline_reply(int code, const std::vector<std::string>& lines);

struct ReplyLine {
  int code = 0;
  bool is_last = false;
  std::string_view enhanced;  // "2.1.5" or empty
  std::string_view text;      // behind the enhanced code
};

// One line without its line end.
Result<ReplyLine> parse_reply_line(std::string_view line);

// status-code = class "." subject "." detail, with the reply's own class
bool is_enhanced_code(std::string_view text);

}  // namespace mailkeep::smtp
