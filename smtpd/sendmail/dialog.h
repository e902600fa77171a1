// The client's side of SMTP over the local socket: one command, one reply, with a time limit on each.
// SPDX-License-Identifier: ISC
#pragma once

#include <string>
#include <string_view>

#include "lib/base/fd.h"
#include "lib/base/result.h"
#include "lib/smtp/reply_reader.h"

namespace mailkeep::sendmail {

using smtp::Reply;

class Dialog {
 public:
  explicit Dialog(Fd fd);
  // The next reply, a final one or 354.
  Result<Reply> read();
  Result<Reply> ask(const std::string& command);
  // `text` with CRLF lines, its dots stuffed (RFC 5321 4.5.2), and the dot at its end.
  Result<Reply> send_content(std::string_view text);

 private:
  Status write(std::string_view bytes);

  Fd fd_;
  std::string in_;
  smtp::ReplyReader reader_;
};

}  // namespace mailkeep::sendmail
