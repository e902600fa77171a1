// RENAME (RFC 3501 6.3.5). Run by `user`.
// SPDX-License-Identifier: ISC
#include "imapd/session/session.h"

namespace mailkeep::imapd {

void Session::on(imap::Rename command) {
  const auto from = decode_name(command.from);
  if (!from) return;
  const auto to = decode_name(command.to);
  if (!to) return;
  const Status done = store_.rename_mailbox(*from, *to);
  if (!done) return no(done.error());
  after_sync(store_.last_seq(), [this] { ok("Renamed"); });
}

}  // namespace mailkeep::imapd
