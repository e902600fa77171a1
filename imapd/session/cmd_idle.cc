// IDLE (RFC 2177): news are told as they become durable, until the client says DONE. Run by `user`.
// SPDX-License-Identifier: ISC
#include "imapd/session/session.h"
#include "lib/base/text.h"

namespace mailkeep::imapd {

void Session::on(imap::Idle) {
  is_idle_ = true;
  reader_.expect_line();
  out_ += "+ idling\r\n";
  announce(true);
}

void Session::end_idle(std::string_view text) {
  is_idle_ = false;
  if (equals_nocase(text, "DONE"))
    ok("Idle ended");
  else
    bad("Expected DONE");
}

}  // namespace mailkeep::imapd
