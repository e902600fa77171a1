// The client's side of SMTP over the local socket: one command, one reply, with a time limit on each.
// SPDX-License-Identifier: ISC
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "lib/base/fd.h"
#include "lib/base/result.h"

namespace mailkeep::sendmail {

struct Reply {
  int code = 0;
  std::vector<std::string> lines;  // without the code
  std::string text() const;        // all lines, one space between
  // "5.7.1" at the start of the last line; empty: none
  std::string enhanced() const;
  bool is_good() const { return code >= 200 && code < 400; }
};

class Dialog {
 public:
  explicit Dialog(Fd fd);
  // The next reply, a final one or 354.
  Result<Reply> read();
  Result<Reply> ask(const std::string& command);
  // `text` with CRLF lines, its dots stuffed (RFC 5321 4.5.2), and the dot at its end.
  Result<Reply> send_content(std::string_view text);

 private:
  Result<std::string> read_line();
  Status write(std::string_view bytes);

  Fd fd_;
  std::string in_;
};

}  // namespace mailkeep::sendmail
