// What several commands need: mailbox names as sent, sets of messages, flags. Run by `user`.
// SPDX-License-Identifier: ISC
#include <algorithm>

#include "imapd/session/session.h"
#include "lib/text/mailbox_name.h"

namespace mailkeep::imapd {

std::optional<std::string> Session::decode_name(const std::string& name) {
  auto decoded = text::mailbox_name_to_utf8(name);
  if (decoded) return std::move(*decoded);
  no("[CANNOT] Bad mailbox name: " + decoded.error().text);
  return std::nullopt;
}

const store::Mailbox* Session::find_selectable(const std::string& name, std::string_view code) {
  const auto decoded = decode_name(name);
  if (!decoded) return nullptr;
  const store::Mailbox* box = store_.find_mailbox(*decoded);
  if (box == nullptr) {
    no(std::string(code) + "No such mailbox");
    return nullptr;
  }
  if (!box->is_selectable) {
    no(std::string(code) + "This name has no mailbox, only others below it");
    return nullptr;
  }
  return box;
}

std::optional<std::vector<store::Uid>> Session::select_uids(const imap::SequenceSet& set, bool by_uid) {
  auto uids = view_->select(set, by_uid);
  if (!uids) bad("No message has that number");
  return uids;
}

bool Session::lacks_any(const std::vector<store::Uid>& uids) const {
  const store::Mailbox* box = mailbox();
  return std::any_of(uids.begin(), uids.end(),
                     [box](store::Uid uid) { return box == nullptr || box->find(uid) == nullptr; });
}

bool Session::may_write() {
  if (!view_->is_read_only) return true;
  no("[READ-ONLY] The mailbox is open read-only");
  return false;
}

uint8_t flag_bits(const imap::FlagList& flags) {
  return static_cast<uint8_t>((flags.seen ? store::kSeen : 0) | (flags.answered ? store::kAnswered : 0) |
                              (flags.flagged ? store::kFlagged : 0) | (flags.deleted ? store::kDeleted : 0) |
                              (flags.draft ? store::kDraft : 0));
}

}  // namespace mailkeep::imapd
