// DELETE (RFC 3501 6.3.4). Run by `user`.
// SPDX-License-Identifier: ISC
#include "imapd/session/session.h"

namespace mailkeep::imapd {

void Session::on(imap::Delete command) {
  const auto name = decode_name(command.mailbox);
  if (!name) return;
  const Status done = store_.delete_mailbox(*name);
  if (!done) return no(done.error());
  after_sync(store_.last_seq(), [this] { ok("Deleted"); });
}

}  // namespace mailkeep::imapd
