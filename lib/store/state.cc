// What each record does. SPDX-License-Identifier: ISC
#include "lib/store/state.h"

#include <algorithm>
#include <bit>

#include "lib/base/text.h"
#include "lib/store/meta.h"

namespace mailkeep::store {

namespace {

constexpr MailboxId kInboxId = 1;  // the first mailbox that an account has

}  // namespace

State::Box* State::box(MailboxId id) {
  const auto it = boxes_.find(id);
  return it == boxes_.end() ? nullptr : it->second.get();
}
const State::Box* State::box(MailboxId id) const { return const_cast<State*>(this)->box(id); }

const State::Box* State::find_box(const std::string& name) const {
  const auto it = names_.find(name);
  return it == names_.end() ? nullptr : box(it->second);
}

// While replaying, damage may have taken the record that made the mailbox: it must not take the messages as well.
State::Box* State::box_to_fill(MailboxId id, Seq seq) {
  Box* found = box(id);
  if (found != nullptr || !is_replaying_ || id == 0) return found;
  Box& made = *(boxes_[id] = std::make_unique<Box>());
  made.id = id;
  made.name = id == kInboxId ? "INBOX" : "Recovered " + std::to_string(id);
  while (names_.contains(made.name)) made.name += "_" + std::to_string(id);
  made.uidvalidity = ++last_uidvalidity_;
  made.created = seq;
  names_[made.name] = id;
  next_mailbox_id_ = std::max(next_mailbox_id_, id + 1);
  ++remade_boxes_;
  return &made;
}

bool State::acquire(ObjectId object) {
  Body* found = body(object);
  if (found == nullptr) return false;
  if (found->references++ == 0 && found->segment != 0) live_bytes_[found->segment] += found->size;
  return true;
}

void State::release(ObjectId object) {
  Body* found = body(object);
  if (found == nullptr || found->references == 0) return;
  if (--found->references > 0) return;
  if (found->segment != 0) live_bytes_[found->segment] -= found->size;
  if (is_replaying_) {
    unshown_.push_back(object);
    return;
  }
  if (found->segment == 0) dead_big_.push_back(object);
  set_cached(*found, 0, 0);
  bodies_.erase(*found);
}

void State::end_replay() {
  is_replaying_ = false;
  bodies_.settle(unshown_);
  unshown_ = {};
}

void State::set_cached(Body& body, uint64_t at, uint32_t size) {
  cached_bytes_ -= std::min(cached_bytes_, uint64_t{body.cache_at != 0 ? body.cache_size : 0});
  body.cache_at = at;
  body.cache_size = size;
  cached_bytes_ += at != 0 ? size : 0;
}

void State::skip_uids(Uid distance) {
  for (const auto& [id, box] : boxes_) box->uidnext += std::min(distance, UINT32_MAX - box->uidnext);
}

void State::skip_lost(const Record& record) {
  set_last_seq(record.seq);
  MessageMeta meta;
  if (record.type != RecordType::message || !meta.decode(record.meta)) return;
  if (Box* found = box(meta.mailbox)) found->uidnext = std::max(found->uidnext, meta.uid + 1);
}

void State::forget_cached() {
  bodies_.visit(0, [](Body& body) {
    if (body.cache_at != 0) body.cache_at = 0;
    return true;
  });
  cached_bytes_ = 0;
}

uint64_t State::make_keywords(Mailbox& box, const std::vector<std::string>& names) {
  uint64_t bits = 0;
  for (const std::string& name : names) bits |= box.keyword_bit(name);
  for (const std::string& name : names) {
    if (box.keyword_bit(name) != 0) continue;
    const uint64_t spare = box.spare_keyword_bits() & ~bits;
    if (spare == 0) break;
    const auto place = static_cast<size_t>(std::countr_zero(spare));
    if (place == box.keywords.size())
      box.keywords.push_back(name);
    else
      box.keywords[place] = name;
    ++box.keywords_version;
    bits |= uint64_t{1} << place;
  }
  return bits;
}

void State::count_row(Box& box, const Message& message, bool in) {
  const uint32_t one = in ? 1U : UINT32_MAX;  // minus one, modulo
  if ((message.flags & kSeen) == 0) box.unseen += one;
  if ((message.flags & kDeleted) != 0) box.deleted += one;
  box.bytes += in ? message.size : -uint64_t{message.size};
}

void State::add_row(Box& box, const Message& message) {
  if (!acquire(message.object)) {
    ++rows_without_bytes_;
    box.uidnext = std::max(box.uidnext, message.uid + 1);
    return;
  }
  const size_t at = message.uid >= box.uidnext ? box.messages.size() : box.lower_bound(message.uid);
  if (at < box.messages.size() && box.messages[at].uid == message.uid) {
    release(message.object);
    return;
  }
  if (at == box.messages.size())
    box.messages.push_back(message);
  else
    box.messages.insert(at, message);
  box.uidnext = std::max(box.uidnext, message.uid + 1);
  count_row(box, message, true);
}

void State::note_expunged(Box& box, Seq seq, const UidSet& uids) {
  for (const UidRange& range : uids) box.expunged.push_back({seq, range});
  if (box.expunged.size() <= kMaxExpunged) return;
  const size_t drop = box.expunged.size() - kMaxExpunged / 2;
  box.expunged_floor = box.expunged[drop - 1].seq;
  box.expunged.erase(box.expunged.begin(), box.expunged.begin() + static_cast<ptrdiff_t>(drop));
}

void State::remove_rows(Box& box, const UidSet& uids, Seq seq, std::vector<Change>& changes) {
  Change gone{Change::Kind::expunged, seq, box.id, {}};
  if (uids.empty()) return;
  const size_t begin = box.lower_bound(uids.front().first);
  size_t kept = begin;
  for (size_t i = begin; i < box.messages.size(); ++i) {
    const Message& message = box.messages[i];
    if (contains(uids, message.uid)) {
      count_row(box, message, false);
      release(message.object);
      add_ascending(gone.uids, message.uid);
    } else {
      if (kept != i) box.messages.at(kept) = message;
      ++kept;
    }
  }
  box.messages.truncate(kept);
  if (gone.uids.empty()) return;
  box.highest_modseq = seq;
  note_expunged(box, seq, gone.uids);
  changes.push_back(std::move(gone));
}

void State::remove_box(MailboxId id) {
  Box* found = box(id);
  if (found == nullptr) return;
  for (const Message& message : found->messages) release(message.object);
  const auto name = names_.find(found->name);
  if (name != names_.end() && name->second == id) names_.erase(name);
  boxes_.erase(id);
}

bool State::apply(const Record& record, Place place, std::vector<Change>& changes) {
  set_last_seq(record.seq);
  switch (record.type) {
    case RecordType::message: return apply_message(record, place, changes);
    case RecordType::flags: return apply_flags(record, changes);
    case RecordType::expunge: return apply_expunge(record, changes);
    case RecordType::copy: return apply_copy(record, false, changes);
    case RecordType::move: return apply_copy(record, true, changes);
    case RecordType::create_mailbox: return apply_create(record, changes);
    case RecordType::delete_mailbox: return apply_delete(record, changes);
    case RecordType::rename_mailbox: return apply_rename(record, changes);
    case RecordType::subscribe: {
      SubscribeMeta meta;
      if (!meta.decode(record.meta)) return false;
      if (meta.is_on) subscriptions_.insert(meta.name);
      if (!meta.is_on) subscriptions_.erase(meta.name);
      const Box* found = find_box(meta.name);
      changes.push_back({Change::Kind::mailbox, record.seq, found != nullptr ? found->id : 0, {}});
      return true;
    }
    case RecordType::recent: {
      RecentMeta meta;
      if (!meta.decode(record.meta)) return false;
      if (Box* found = box(meta.mailbox)) found->recent_from = std::max(found->recent_from, meta.recent_from);
      return true;
    }
    case RecordType::delivery: {
      DeliveryMeta meta;
      if (!meta.decode(record.meta)) return false;
      deliveries_.add(meta.id, meta.when);
      return true;
    }
    case RecordType::body: return apply_body(record, place);
    case RecordType::account: return apply_account(record.meta);
    case RecordType::mailbox: return apply_box(record.meta);
    case RecordType::deliveries: return apply_deliveries(record.meta);
    case RecordType::proof: return true;
  }
  return false;
}

bool State::apply_message(const Record& record, Place place, std::vector<Change>& changes) {
  MessageMeta meta;
  if (!meta.decode(record.meta)) return false;
  if (meta.has_delivery) deliveries_.add(meta.delivery, meta.saved);
  Body body;
  body.object = record.seq;
  body.segment = meta.is_big ? 0 : place.segment;
  body.offset = meta.is_big ? 0 : place.offset;
  body.size = meta.size;
  body.crc = meta.is_big ? meta.big_crc : record.body_crc;
  bodies_.put(body);
  Box* found = box_to_fill(meta.mailbox, record.seq);
  if (found == nullptr) return false;
  Message message;
  message.uid = meta.uid;
  message.size = meta.size;
  message.internal_date = meta.internal_date;
  message.saved = meta.saved;
  message.modseq = record.seq;
  message.object = body.object;
  message.flags = meta.flags;
  message.keywords = make_keywords(*found, meta.keywords);
  add_row(*found, message);
  found->highest_modseq = record.seq;
  changes.push_back({Change::Kind::added, record.seq, found->id, {{meta.uid, meta.uid}}});
  return true;
}

bool State::apply_flags(const Record& record, std::vector<Change>& changes) {
  FlagsMeta meta;
  if (!meta.decode(record.meta)) return false;
  Box* found = box(meta.mailbox);
  if (found == nullptr) return false;
  uint64_t keywords = 0;
  if (meta.op != 1)
    keywords = make_keywords(*found, meta.keywords);
  else
    for (const std::string& keyword : meta.keywords) keywords |= found->keyword_bit(keyword);
  for (const UidRange& range : meta.uids) {
    for (size_t i = found->lower_bound(range.first); i < found->messages.size(); ++i) {
      if (found->messages[i].uid > range.last) break;
      Message& message = found->messages.at(i);
      count_row(*found, message, false);
      switch (meta.op) {
        case 0:
          message.flags |= meta.flags;
          message.keywords |= keywords;
          break;
        case 1:
          message.flags &= static_cast<uint8_t>(~meta.flags);
          message.keywords &= ~keywords;
          break;
        default:
          message.flags = meta.flags;
          message.keywords = keywords;
          break;
      }
      message.modseq = record.seq;
      count_row(*found, message, true);
    }
  }
  found->highest_modseq = record.seq;
  changes.push_back({Change::Kind::flags, record.seq, found->id, meta.uids});
  return true;
}

bool State::apply_expunge(const Record& record, std::vector<Change>& changes) {
  ExpungeMeta meta;
  if (!meta.decode(record.meta)) return false;
  Box* found = box(meta.mailbox);
  if (found == nullptr) return false;
  remove_rows(*found, meta.uids, record.seq, changes);
  return true;
}

bool State::apply_copy(const Record& record, bool moves, std::vector<Change>& changes) {
  CopyMeta meta;
  if (!meta.decode(record.meta)) return false;
  Box* from = box(meta.from);
  if (from == nullptr) return false;
  Box* to = box_to_fill(meta.to, record.seq);
  if (to == nullptr) return false;
  Change added{Change::Kind::added, record.seq, meta.to, {}};
  uint64_t uid = meta.first_uid;
  uint64_t used = 0;
  std::vector<Message> rows;  // first, for `to` may be `from`
  for (const UidRange& range : meta.uids) {
    size_t at = from->lower_bound(range.first);
    for (uint64_t source = range.first; source <= range.last && uid < UINT32_MAX; ++source, ++uid) {
      if (at >= from->messages.size() || from->messages[at].uid != source) continue;
      Message row = from->messages[at++];
      used |= row.keywords;
      row.uid = static_cast<Uid>(uid);
      row.saved = meta.saved;
      row.modseq = record.seq;
      rows.push_back(row);
    }
  }
  const std::vector<std::string> names = from->keyword_names(used);
  make_keywords(*to, names);
  for (Message& row : rows) {
    uint64_t keywords = 0;
    for (const std::string& name : from->keyword_names(row.keywords)) keywords |= to->keyword_bit(name);
    row.keywords = keywords;
    add_row(*to, row);
    add_ascending(added.uids, row.uid);
  }
  to->uidnext = std::max(to->uidnext, static_cast<Uid>(uid));
  to->highest_modseq = record.seq;
  if (moves) remove_rows(*from, meta.uids, record.seq, changes);
  if (!added.uids.empty()) changes.push_back(std::move(added));
  return true;
}

bool State::apply_create(const Record& record, std::vector<Change>& changes) {
  MailboxMeta meta;
  if (!meta.decode(record.meta) || meta.id == 0) return false;
  next_mailbox_id_ = std::max(next_mailbox_id_, meta.id + 1);
  last_uidvalidity_ = std::max(last_uidvalidity_, meta.uidvalidity);
  Box* found = box(meta.id);
  if (found == nullptr) {
    if (names_.contains(meta.name)) return false;
    found = boxes_.emplace(meta.id, std::make_unique<Box>()).first->second.get();
    found->id = meta.id;
    found->name = meta.name;
    found->created = record.seq;
    names_[meta.name] = meta.id;
  }
  found->role = meta.role;
  found->is_selectable = meta.is_selectable;
  found->uidvalidity = meta.uidvalidity;
  found->highest_modseq = record.seq;
  changes.push_back({Change::Kind::mailbox, record.seq, meta.id, {}});
  return true;
}

bool State::apply_delete(const Record& record, std::vector<Change>& changes) {
  DeleteMeta meta;
  if (!meta.decode(record.meta)) return false;
  Box* found = box(meta.id);
  if (found == nullptr) return false;
  if (meta.keeps_name) {
    for (const Message& message : found->messages) release(message.object);
    Box bare;
    bare.id = found->id;
    bare.name = found->name;
    bare.is_selectable = false;
    bare.uidvalidity = found->uidvalidity;
    bare.highest_modseq = record.seq;
    bare.expunged_floor = record.seq;
    bare.created = found->created;
    *found = std::move(bare);
  } else {
    remove_box(meta.id);
  }
  changes.push_back({Change::Kind::deleted, record.seq, meta.id, {}});
  return true;
}

bool State::apply_rename(const Record& record, std::vector<Change>& changes) {
  RenameMeta meta;
  if (!meta.decode(record.meta)) return false;
  for (const auto& [id, name] : meta.names) {
    if (const Box* found = box(id)) names_.erase(found->name);
  }
  for (const auto& [id, name] : meta.names) {
    Box* found = box(id);
    if (found == nullptr) continue;
    // Only after damage can the name be taken; both mailboxes must stay reachable.
    std::string free_name = name;
    while (names_.contains(free_name)) free_name += "_" + std::to_string(id);
    found->name = free_name;
    names_[free_name] = id;
    changes.push_back({Change::Kind::mailbox, record.seq, id, {}});
  }
  return true;
}

bool State::apply_body(const Record& record, Place place) {
  BodyMeta meta;
  if (!meta.decode(record.meta)) return false;
  Body* found = body(meta.object);
  if (found == nullptr) {
    Body moved;
    moved.object = meta.object;
    found = &bodies_.put(moved);
  }
  if (found->references > 0 && found->segment != 0) live_bytes_[found->segment] -= found->size;
  found->segment = place.segment;
  found->offset = place.offset;
  found->size = static_cast<uint32_t>(record.body.size());
  found->crc = record.body_crc;
  if (found->references > 0) live_bytes_[found->segment] += found->size;
  return true;
}

}  // namespace mailkeep::store
