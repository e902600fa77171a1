// SUBSCRIBE and UNSUBSCRIBE (RFC 3501 6.3.6, 6.3.7): of names, which need no mailbox. Run by `user`.
// SPDX-License-Identifier: ISC
#include "imapd/session/session.h"

namespace mailkeep::imapd {

void Session::on(imap::Subscribe command) {
  const auto name = decode_name(command.mailbox);
  if (!name) return;
  const Status done = store_.subscribe(*name, command.subscribe);
  if (!done) return no(done.error());
  after_sync(store_.last_seq(), [this, on = command.subscribe] { ok(on ? "Subscribed" : "Unsubscribed"); });
}

}  // namespace mailkeep::imapd
