// Replies of a server: see reply_reader.h.
// SPDX-License-Identifier: ISC
#include "lib/smtp/reply_reader.h"

#include <algorithm>

#include "lib/base/limits.h"
#include "lib/base/text.h"
#include "lib/smtp/reply.h"

namespace mailkeep::smtp {

namespace {

constexpr size_t kMaxKeptLine = 512;  // of a line's text, in lines

}  // namespace

ReplyReader::Found ReplyReader::read(std::string_view& input) {
  for (;;) {
    const size_t end = input.find('\n');
    // With its CR, perhaps: however the bytes come, a line of kMaxReplyLine is taken and a longer one is not.
    if (end == input.npos) return input.size() > kMaxReplyLine + 1 ? Found::kGarbage : Found::kNothing;
    std::string_view line = input.substr(0, end);
    input.remove_prefix(end + 1);
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    if (const Found found = take_line(line); found != Found::kNothing) return found;
  }
}

ReplyReader::Found ReplyReader::take_line(std::string_view line) {
  if (complete_) reply_ = {};
  complete_ = false;
  const auto parsed = parse_reply_line(line);
  if (!parsed || reply_.lines.size() >= kMaxReplyLines) return Found::kGarbage;
  if (!reply_.lines.empty() && parsed->code != reply_.code) return Found::kGarbage;
  reply_.code = static_cast<uint16_t>(parsed->code);
  if (!parsed->enhanced.empty()) reply_.enhanced = parsed->enhanced;
  reply_.lines.emplace_back(line.substr(std::min<size_t>(line.size(), 4), kMaxKeptLine));
  if (reply_.text.size() < kMaxReplyText && !parsed->text.empty()) {
    if (!reply_.text.empty()) reply_.text += ' ';
    reply_.text += printable(parsed->text, kMaxReplyText);
    reply_.text.resize(std::min(reply_.text.size(), kMaxReplyText));
  }
  if (!parsed->is_last) return Found::kNothing;
  complete_ = true;
  return Found::kReply;
}

}  // namespace mailkeep::smtp
