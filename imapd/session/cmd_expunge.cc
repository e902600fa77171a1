// EXPUNGE (RFC 3501 6.4.3) and UID EXPUNGE (RFC 4315 2.1). Run by `user`.
// SPDX-License-Identifier: ISC
#include "imapd/session/session.h"

namespace mailkeep::imapd {

void Session::on(imap::Expunge command) {
  if (!may_write()) return;
  const std::vector<store::Uid> among = command.uids ? *view_->select(*command.uids, true) : view_->uids;
  store::UidSet deleted;
  if (const store::Mailbox* box = mailbox())
    for (store::Uid uid : among) {
      const store::Message* message = box->find(uid);
      if (message != nullptr && (message->flags & store::kDeleted) != 0) store::add_ascending(deleted, uid);
    }
  if (!deleted.empty()) {
    const auto gone = store_.expunge(view_->id, deleted);
    if (!gone) return no(gone.error());
  }
  after_sync(store_.last_seq(), [this] { ok("Expunged"); });  // the responses come as news of the view
}

}  // namespace mailkeep::imapd
