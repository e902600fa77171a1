// COPY and UID COPY (RFC 3501 6.4.7), MOVE and UID MOVE (RFC 6851), with COPYUID (RFC 4315). All or nothing.
// Run by `user`.
// SPDX-License-Identifier: ISC
#include "imapd/session/session.h"

namespace mailkeep::imapd {

void Session::on(imap::Copy command) {
  if (command.move && !may_write()) return;
  const auto uids = select_uids(command.set, command.uid);
  if (!uids) return;
  const store::Mailbox* to = find_selectable(command.mailbox, "[TRYCREATE] ");
  if (to == nullptr) return;
  if (mailbox() == nullptr || (!command.uid && lacks_any(*uids)))
    return no("[EXPUNGEISSUED] Some of the messages no longer exist");
  const store::UidSet set = to_uid_set(*uids);
  const auto copied = command.move ? store_.move(view_->id, set, to->id) : store_.copy(view_->id, set, to->id);
  if (!copied) return no(copied.error());
  after_sync(store_.last_seq(), [this, done = *copied, move = command.move] {
    if (done.from.empty()) return ok("No messages");
    const std::string code = "[COPYUID " + std::to_string(done.uidvalidity) + ' ' + format_uids(done.from) + ' ' +
                             format_uids(done.to) + ']';
    if (!move) return ok(code + " Copied");
    line("OK " + code + " Moved");  // RFC 6851 4.3: before the EXPUNGE responses
    ok("Done");
  });
}

}  // namespace mailkeep::imapd
