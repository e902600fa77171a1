// Telling a client what changed in its mailbox: EXPUNGE, EXISTS, RECENT, FLAGS and FETCH responses (RFC 3501 7.3, 7.4)
// at the moments when they are allowed. Run by `user`.
// SPDX-License-Identifier: ISC
#include <algorithm>

#include "imapd/session/session.h"
#include "lib/imap/writer.h"

namespace mailkeep::imapd {

using store::Uid;

void Session::on_durable(store::Seq, std::span<const store::Change> changes) {
  if (!view_) return;
  for (const store::Change& change : changes) {
    if (change.mailbox != view_->id) continue;
    if (change.kind == store::Change::Kind::flags && change.seq == quiet_seq_) continue;
    view_->note(change);
  }
}

// While the client reads; what it does not take yet is kept as sets in the view, which do not grow without bound.
bool Session::may_announce_idle() const {
  return is_idle_ && view_ && view_->has_news() && !is_dirty() && out_.size() < kHighWater;
}

void Session::announce(bool may_expunge) {
  if (!view_) return;
  const store::Mailbox* box = mailbox();
  if (box == nullptr || !box->is_selectable || view_->is_gone) {
    view_->is_gone = false;
    view_->added.clear();
    view_->expunged = to_uid_set(view_->uids);
  }
  if (may_expunge && !view_->expunged.empty()) announce_expunged();
  if (!view_->added.empty()) announce_added();
  if (!view_->flagged.empty()) announce_flags();
}

void Session::announce_expunged() {
  std::vector<Uid> left;
  left.reserve(view_->uids.size());
  for (Uid uid : view_->uids) {
    if (store::contains(view_->expunged, uid))
      line(std::to_string(left.size() + 1) + " EXPUNGE");
    else
      left.push_back(uid);
  }
  view_->uids = std::move(left);
  view_->expunged.clear();
}

void Session::announce_added() {
  const store::Uid last = view_->added.back();
  view_->uids.insert(view_->uids.end(), view_->added.begin(), view_->added.end());
  view_->added.clear();
  const store::Mailbox* box = mailbox();
  if (box != nullptr && box->first_recent() <= last) {
    const Uid first = view_->is_read_only ? box->first_recent() : store_.tell_recent(view_->id, last);
    view_->recent.push_back({first, last});
    store::normalize(view_->recent);
    wants_claim_ = !view_->is_read_only;
  }
  line(std::to_string(view_->uids.size()) + " EXISTS");
  line(std::to_string(view_->recent_count()) + " RECENT");
}

// New messages are \Recent for the session that is told of them first. The claim is written afterwards, and nobody
// waits until it is durable: should it be lost, they are \Recent once more (RFC 3501 2.3.2).
void Session::claim_recent() {
  wants_claim_ = false;
  const store::Mailbox* box = view_ ? mailbox() : nullptr;
  if (box == nullptr || box->recent_from == box->uidnext) return;
  const auto first = store_.claim_recent(view_->id);
  if (!first && options_.report) options_.report("claim recent: " + first.error().text);
}

void Session::announce_flags() {
  const store::Mailbox* box = mailbox();
  if (box == nullptr) return;
  const store::UidSet flagged = std::exchange(view_->flagged, {});
  if (box->keywords_version != view_->keywords_shown) write_flags_response(*box);
  for (const store::UidRange& range : flagged) {
    auto at = std::lower_bound(view_->uids.begin(), view_->uids.end(), range.first);
    for (; at != view_->uids.end() && *at <= range.last; ++at) {
      const store::Message* message = box->find(*at);
      if (message == nullptr) continue;
      out_ += "* " + std::to_string(at - view_->uids.begin() + 1) + " FETCH (";
      write_flags(*box, *message);
      out_ += ")\r\n";
    }
  }
}

// FLAGS (…) of a message.
void Session::write_flags(const store::Mailbox& box, const store::Message& message) {
  struct Name {
    uint8_t bit;
    std::string_view name;
  };
  static constexpr Name kNames[] = {{store::kAnswered, "\\Answered"},
                                    {store::kFlagged, "\\Flagged"},
                                    {store::kDeleted, "\\Deleted"},
                                    {store::kSeen, "\\Seen"},
                                    {store::kDraft, "\\Draft"}};
  out_ += "FLAGS (";
  bool is_first = true;
  const auto add = [&](std::string_view name) {
    if (!is_first) out_ += ' ';
    is_first = false;
    out_ += name;
  };
  for (const Name& n : kNames)
    if ((message.flags & n.bit) != 0) add(n.name);
  for (size_t i = 0; i < box.keywords.size(); ++i)
    if ((message.keywords >> i & 1) != 0) add(box.keywords[i]);
  if (store::contains(view_->recent, message.uid)) add("\\Recent");
  out_ += ')';
}

// The FLAGS response and PERMANENTFLAGS.
void Session::write_flags_response(const store::Mailbox& box) {
  std::string flags = "\\Answered \\Flagged \\Deleted \\Seen \\Draft";
  for (const std::string& keyword : box.keywords) flags += ' ' + keyword;
  line("FLAGS (" + flags + ")");
  if (view_->is_read_only)
    line("OK [PERMANENTFLAGS ()] Read-only");
  else
    line("OK [PERMANENTFLAGS (" + flags + (box.spare_keyword_bits() != 0 ? " \\*" : "") + ")] Limited");
  view_->keywords_shown = box.keywords_version;
}

}  // namespace mailkeep::imapd
