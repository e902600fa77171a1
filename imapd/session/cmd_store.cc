// STORE and UID STORE (RFC 3501 6.4.6). Run by `user`.
// SPDX-License-Identifier: ISC
#include "imapd/session/session.h"

namespace mailkeep::imapd {

void Session::on(imap::Store command) {
  may_expunge_ = command.uid;
  if (!may_write()) return;
  const auto uids = select_uids(command.set, command.uid);
  if (!uids) return;
  const bool lacked = !command.uid && lacks_any(*uids);
  store::FlagChange change;
  change.op = command.mode == imap::Store::Mode::kAdd      ? store::FlagOp::add
              : command.mode == imap::Store::Mode::kRemove ? store::FlagOp::remove
                                                           : store::FlagOp::replace;
  change.flags = flag_bits(command.flags);
  change.keywords = command.flags.keywords;
  if (!uids->empty() && mailbox() != nullptr) {
    const auto done = store_.store_flags(view_->id, to_uid_set(*uids), change);
    if (!done) return no(done.error());
    if (done->seq != 0) quiet_seq_ = done->seq;
  }
  after_sync(store_.last_seq(), [this, uids = *uids, silent = command.silent, by_uid = command.uid, lacked] {
    const store::Mailbox* box = mailbox();
    if (box != nullptr && box->keywords_version != view_->keywords_shown) write_flags_response(*box);
    if (!silent)
      for (store::Uid uid : uids) {
        const store::Message* message = box == nullptr ? nullptr : box->find(uid);
        const auto number = view_->number(uid);
        if (message == nullptr || !number) continue;
        out_ += "* " + std::to_string(*number) + " FETCH (";
        if (by_uid) out_ += "UID " + std::to_string(uid) + ' ';
        write_flags(*box, *message);
        out_ += ")\r\n";
      }
    if (lacked)
      no("[EXPUNGEISSUED] Some of the messages no longer exist");
    else
      ok("Stored");
  });
}

}  // namespace mailkeep::imapd
