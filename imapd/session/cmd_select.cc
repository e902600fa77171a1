// SELECT and EXAMINE (RFC 3501 6.3.1, 6.3.2), CHECK, CLOSE (6.4.1, 6.4.2), UNSELECT (RFC 3691). Run by `user`.
// SPDX-License-Identifier: ISC
#include "imapd/session/session.h"

namespace mailkeep::imapd {

void Session::on(imap::Select command) {
  if (view_) {
    view_.reset();  // also when the new one cannot be opened
    line("OK [CLOSED] Previous mailbox is closed");
  }
  const store::Mailbox* box = find_selectable(command.mailbox, "[NONEXISTENT] ");
  if (box == nullptr) return;
  const store::MailboxId id = box->id;
  store::Uid recent_from = box->first_recent();
  if (!command.examine && box->recent() > 0) {
    const auto claimed = store_.claim_recent(id);
    if (claimed)
      recent_from = *claimed;
    else if (options_.report)
      options_.report("claim recent: " + claimed.error().text);
  }
  const auto show = [this, id, examine = command.examine, recent_from] { show_selected(id, examine, recent_from); };
  // A mailbox can be read when the disk takes no more.
  after_sync(store_.last_seq(), show, [show](const Error&) { show(); });
}

void Session::show_selected(store::MailboxId id, bool examine, store::Uid recent_from) {
  const store::Mailbox* box = store_.mailbox(id);
  if (box == nullptr || !box->is_selectable) return no("[NONEXISTENT] No such mailbox");
  view_.emplace();
  view_->id = id;
  view_->is_read_only = examine;
  view_->uids.reserve(box->messages.size());
  for (const store::Message& message : box->messages) view_->uids.push_back(message.uid);
  if (recent_from < box->uidnext) view_->recent = {{recent_from, box->uidnext - 1}};
  write_flags_response(*box);
  line(std::to_string(view_->uids.size()) + " EXISTS");
  line(std::to_string(view_->recent_count()) + " RECENT");
  if (const auto unseen = box->first_unseen())
    line("OK [UNSEEN " + std::to_string(*unseen + 1) + "] First unseen message");
  line("OK [UIDVALIDITY " + std::to_string(box->uidvalidity) + "] UIDs are valid");
  line("OK [UIDNEXT " + std::to_string(box->uidnext) + "] Predicted next UID");
  if (examine)
    ok("[READ-ONLY] Opened");
  else
    ok("[READ-WRITE] Opened");
}

void Session::on(imap::Check) { ok("Done"); }

void Session::on(imap::Unselect) {
  view_.reset();
  ok("Closed");
}

void Session::on(imap::Close) {
  const store::Mailbox* box = mailbox();
  store::UidSet deleted;
  if (box != nullptr && !view_->is_read_only && box->deleted > 0)
    for (store::Uid uid : view_->uids) {
      const store::Message* message = box->find(uid);
      if (message != nullptr && (message->flags & store::kDeleted) != 0) store::add_ascending(deleted, uid);
    }
  if (!deleted.empty()) {
    const auto gone = store_.expunge(view_->id, deleted);
    if (!gone) return no(gone.error());
  }
  after_sync(store_.last_seq(), [this] {
    view_.reset();
    ok("Closed");
  });
}

}  // namespace mailkeep::imapd
