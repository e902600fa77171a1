// A server's replies (RFC 5321 4.2) out of a stream of bytes, within bounds. Pure; relay, and the sendmail program.
//
//   reply = *( code "-" text CRLF ) code [ SP text ] CRLF          all lines with the same code
//
// A bare LF ends a line too: servers write such. Trusts nothing: lines, their number and what is kept are limited.
// SPDX-License-Identifier: ISC
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace mailkeep::smtp {

struct Reply {
  uint16_t code = 0;
  std::string enhanced;            // of the last line that has one
  std::string text;                // the lines' texts, joined with spaces, printable, at most kMaxReplyText
  std::vector<std::string> lines;  // as they came, without code; what EHLO needs

  bool is_good() const { return code >= 200 && code < 300; }
  bool is_temporary() const { return code >= 400 && code < 500; }
  bool is_permanent() const { return code >= 500; }
};

class ReplyReader {
 public:
  enum class Found { kNothing, kReply, kGarbage };
  // Takes from the front of `input`: at most one whole reply, then in reply().
  Found read(std::string_view& input);
  const Reply& reply() const { return reply_; }

 private:
  Found take_line(std::string_view line);
  Reply reply_;
  bool complete_ = true;
};

}  // namespace mailkeep::smtp
