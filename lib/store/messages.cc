// What changes messages. SPDX-License-Identifier: ISC
#include <algorithm>
#include <bit>

#include "lib/base/crc32c.h"
#include "lib/base/text.h"
#include "lib/store/account_store.h"
#include "lib/store/names.h"

namespace mailkeep::store {

namespace {

// Whether a mailbox can take these keywords: EINVAL no keyword, EMFILE too many.
Status check_keywords(const Mailbox& box, std::span<const std::string> keywords) {
  std::vector<std::string> missing;
  uint64_t wanted = 0;
  for (const std::string& keyword : keywords) {
    if (!is_keyword(keyword)) return Error("not a keyword: " + printable(keyword), EINVAL);
    const auto same = [&keyword](const std::string& other) { return equals_nocase(other, keyword); };
    wanted |= box.keyword_bit(keyword);
    if (box.keyword_bit(keyword) != 0) continue;
    if (std::any_of(missing.begin(), missing.end(), same)) continue;
    missing.push_back(keyword);
  }
  if (box.keywords.size() + missing.size() <= kMaxKeywords) return {};
  uint64_t used = wanted;
  for (const Message& message : box.messages) used |= message.keywords;
  const auto room = static_cast<size_t>(std::popcount(~used));
  if (missing.size() > room) return Error("too many keywords in the mailbox", EMFILE);
  return {};
}

}  // namespace

Result<State::Box*> AccountStore::selectable(MailboxId id) {
  State::Box* box = state_->box(id);
  if (box == nullptr) return Error("no such mailbox", ENOENT);
  if (!box->is_selectable) return Error("the name holds no messages", EPERM);
  return box;
}

Result<Appended> AccountStore::append(MailboxId id, const Append& what) {
  if (is_broken_) return Error("the store's disk failed", EIO);
  auto box = selectable(id);
  if (!box) return box.error();
  Appended appended;
  appended.uidvalidity = (*box)->uidvalidity;
  if (what.delivery && state_->is_known(*what.delivery)) {
    appended.is_known = true;
    appended.seq = state_->last_seq();
    return appended;
  }
  const uint64_t size = what.message.size() + what.rest.size;
  if (size > kMaxMessage) return Error("message too large", EFBIG);
  if ((*box)->uidnext == UINT32_MAX) return Error("the mailbox has no uid left", EMFILE);
  if (auto checked = check_keywords(**box, what.keywords); !checked) return checked.error();

  MessageMeta meta;
  meta.mailbox = id;
  meta.uid = (*box)->uidnext;
  meta.size = static_cast<uint32_t>(size);
  meta.saved = now();
  meta.internal_date = what.internal_date != 0 ? what.internal_date : meta.saved;
  meta.flags = what.flags & kAllFlags;
  meta.keywords.assign(what.keywords.begin(), what.keywords.end());
  meta.has_delivery = what.delivery.has_value();
  if (meta.has_delivery) meta.delivery = *what.delivery;
  meta.is_big = size > options_.big_message;
  const ObjectId object = state_->last_seq() + 1;
  std::string whole;  // a small message that came in two pieces
  std::string_view message = what.message;
  if (meta.is_big) {
    auto crc = write_big(object, what.message, what.rest);
    if (!crc) return crc.error();
    meta.big_crc = *crc;
  } else if (what.rest.size != 0) {
    whole.resize(size);
    whole.replace(0, message.size(), message);
    if (auto read = what.rest.read(0, std::span(whole).subspan(message.size())); !read) return read.error();
    message = whole;
  }
  // A message that is nowhere in memory is summarized before its record: a file that cannot be read is none.
  std::optional<Summary> summary;
  if (meta.is_big && what.rest.size != 0) {
    auto made = summarize_big(object, size);
    if (!made) {
      remove_big(object);
      return made.error();
    }
    summary = std::move(*made);
  }
  if (auto put = commit(RecordType::message, meta.encode(), meta.is_big ? std::string_view() : message, kSlack); !put) {
    if (meta.is_big) remove_big(object);
    return put.error();
  }
  Body* stored = state_->body(object);
  if (stored == nullptr) fatal("store: an appended message has no bytes");
  cache_->add(*stored, summary ? std::move(*summary) : options_.summarize(message));
  appended.uid = meta.uid;
  appended.seq = object;
  return appended;
}

Status AccountStore::remember_delivery(DeliveryId id) {
  if (state_->is_known(id)) return {};
  DeliveryMeta meta;
  meta.id = id;
  meta.when = now();
  return commit(RecordType::delivery, meta.encode());
}

Result<Flagged> AccountStore::store_flags(MailboxId id, const UidSet& uids, const FlagChange& change) {
  auto found = selectable(id);
  if (!found) return found.error();
  State::Box& box = **found;
  if (change.op != FlagOp::remove) {
    if (auto checked = check_keywords(box, change.keywords); !checked) return checked.error();
  }
  const uint8_t flags = change.flags & kAllFlags;
  uint64_t keywords = 0;
  bool has_new_keyword = false;
  for (const std::string& keyword : change.keywords) {
    const uint64_t bit = box.keyword_bit(keyword);
    keywords |= bit;
    if (bit == 0 && change.op != FlagOp::remove) has_new_keyword = true;
  }
  Flagged result;
  for (const UidRange& range : uids) {
    for (size_t i = box.lower_bound(range.first); i < box.messages.size() && box.messages[i].uid <= range.last; ++i) {
      const Message& m = box.messages[i];
      if (change.unchanged_since && m.modseq > *change.unchanged_since) {
        add_ascending(result.modified, m.uid);
        continue;
      }
      bool is_same = false;
      switch (change.op) {
        case FlagOp::add: is_same = (m.flags & flags) == flags && (m.keywords & keywords) == keywords; break;
        case FlagOp::remove: is_same = (m.flags & flags) == 0 && (m.keywords & keywords) == 0; break;
        case FlagOp::replace: is_same = m.flags == flags && m.keywords == keywords; break;
      }
      if (!is_same || has_new_keyword) add_ascending(result.changed, m.uid);
    }
  }
  if (result.changed.empty()) return result;
  FlagsMeta meta;
  meta.mailbox = id;
  meta.op = static_cast<uint8_t>(change.op);
  meta.flags = flags;
  meta.keywords.assign(change.keywords.begin(), change.keywords.end());
  meta.uids = result.changed;
  if (auto put = commit(RecordType::flags, meta.encode()); !put) return put.error();
  result.seq = state_->last_seq();
  return result;
}

namespace {

UidSet existing(const Mailbox& box, const UidSet& uids) {
  UidSet there;
  for (const UidRange& range : uids) {
    for (size_t i = box.lower_bound(range.first); i < box.messages.size() && box.messages[i].uid <= range.last; ++i) {
      add_ascending(there, box.messages[i].uid);
    }
  }
  return there;
}

}  // namespace

Result<UidSet> AccountStore::expunge(MailboxId id, const UidSet& uids) {
  auto box = selectable(id);
  if (!box) return box.error();
  ExpungeMeta meta;
  meta.mailbox = id;
  meta.uids = existing(**box, uids);
  if (meta.uids.empty()) return meta.uids;
  if (auto put = commit(RecordType::expunge, meta.encode()); !put) return put.error();
  return meta.uids;
}

Result<Copied> AccountStore::transfer(MailboxId id, const UidSet& uids, MailboxId to, bool moves) {
  auto from = selectable(id);
  if (!from) return from.error();
  auto target = selectable(to);
  if (!target) return target.error();
  CopyMeta meta;
  meta.from = id;
  meta.to = to;
  meta.first_uid = (*target)->uidnext;
  meta.saved = now();
  meta.uids = existing(**from, uids);
  Copied copied;
  copied.uidvalidity = (*target)->uidvalidity;
  copied.from = meta.uids;
  if (meta.uids.empty()) return copied;
  const uint64_t n = count(meta.uids);
  if (n >= UINT32_MAX - uint64_t{meta.first_uid}) return Error("the mailbox has no uid left", EMFILE);
  uint64_t used = 0;
  for (const UidRange& range : meta.uids) {
    for (size_t i = (*from)->lower_bound(range.first);
         i < (*from)->messages.size() && (*from)->messages[i].uid <= range.last; ++i) {
      used |= (*from)->messages[i].keywords;
    }
  }
  if (auto checked = check_keywords(**target, (*from)->keyword_names(used)); !checked) return checked.error();
  const RecordType type = moves ? RecordType::move : RecordType::copy;
  if (auto put = commit(type, meta.encode(), {}, moves ? 0 : kSlack); !put) return put.error();
  copied.to = {{meta.first_uid, static_cast<Uid>(meta.first_uid + n - 1)}};
  copied.seq = state_->last_seq();
  return copied;
}

std::optional<UidSet> AccountStore::expunged_since(MailboxId id, Seq since) const {
  const State::Box* box = state_->box(id);
  if (box == nullptr || since < box->expunged_floor) return std::nullopt;
  UidSet gone;
  for (const Expunged& e : box->expunged) {
    if (e.seq > since) gone.push_back(e.uids);
  }
  normalize(gone);
  return gone;
}

}  // namespace mailkeep::store
