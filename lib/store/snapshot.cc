// The whole state as records, and back: what compaction puts into the journal.
// SPDX-License-Identifier: ISC
#include <algorithm>

#include "lib/store/box_fields.h"
#include "lib/store/bytes.h"
#include "lib/store/state.h"

namespace mailkeep::store {

namespace {

constexpr size_t kRowSize = 53;

}  // namespace

std::string State::encode_account() const {
  std::string out;
  Writer w(out);
  w.u64(last_seq_);
  w.u32(next_mailbox_id_);
  w.u32(last_uidvalidity_);
  w.varint(boxes_.size());
  for (const auto& [id, box] : boxes_) w.u32(id);
  w.varint(subscriptions_.size());
  for (const std::string& name : subscriptions_) w.text(name);
  return out;
}

bool State::apply_account(std::string_view meta) {
  Reader r(meta);
  const Seq last = r.u64();
  const MailboxId next = r.u32();
  const uint32_t uidvalidity = r.u32();
  std::set<MailboxId> alive;
  for (size_t n = r.count(4); n > 0; --n) alive.insert(r.u32());
  std::set<std::string> names;
  for (size_t n = r.count(1); n > 0 && r.ok(); --n) names.emplace(r.text());
  if (!r.is_done()) return false;
  rows_without_bytes_ = remade_boxes_ = 0;  // a whole state follows: what was missing before it does not count
  set_last_seq(last);
  next_mailbox_id_ = std::max(next_mailbox_id_, next);
  last_uidvalidity_ = std::max(last_uidvalidity_, uidvalidity);
  subscriptions_ = std::move(names);
  std::vector<MailboxId> dead;
  for (const auto& [id, box] : boxes_) {
    if (!alive.contains(id)) dead.push_back(id);
  }
  for (MailboxId id : dead) remove_box(id);
  return true;
}

std::string State::encode_box(const Box& box) {
  std::string out;
  Writer w(out);
  put_identity(w, box);
  w.u64(box.expunged_floor);
  put_keywords(w, box);
  put_expunged(w, box);
  out.reserve(out.size() + box.messages.size() * kRowSize + 10);
  w.varint(box.messages.size());
  for (const Message& m : box.messages) {
    w.u32(m.uid);
    w.u32(m.size);
    w.i64(m.internal_date);
    w.i64(m.saved);
    w.u64(m.keywords);
    w.u64(m.modseq);
    w.u64(m.object);
    w.u8(m.flags);
    w.u32(0);
  }
  return out;
}

bool State::apply_box(std::string_view meta) {
  Reader r(meta);
  Box box;
  if (!get_identity(r, box)) return false;
  box.expunged_floor = r.u64();
  if (!get_keywords(r, box)) return false;
  get_expunged(r, box);
  std::vector<Message> rows(r.count(kRowSize));
  for (Message& m : rows) {
    m.uid = r.u32();
    m.size = r.u32();
    m.internal_date = r.i64();
    m.saved = r.i64();
    m.keywords = r.u64();
    m.modseq = r.u64();
    m.object = r.u64();
    m.flags = r.u8() & kAllFlags;
    r.u32();
  }
  if (!r.is_done()) return false;
  next_mailbox_id_ = std::max(next_mailbox_id_, box.id + 1);
  const MailboxId id = box.id;
  const Uid uidnext = box.uidnext;
  remove_box(id);
  const auto other = names_.find(box.name);
  if (other != names_.end()) remove_box(other->second);  // a name from before that whose end was damaged
  names_[box.name] = id;
  Box& made = *(boxes_[id] = std::make_unique<Box>(std::move(box)));
  made.uidnext = 1;  // rows come in order, so each is appended
  for (const Message& m : rows) add_row(made, m);
  made.uidnext = std::max(made.uidnext, uidnext);
  return true;
}

std::string State::encode_deliveries(int64_t forget_before) const {
  std::string rows;
  Writer w(rows);
  uint64_t n = 0;
  deliveries_.visit([&](const Delivery& d) {
    if (d.when < forget_before) return;
    ++n;
    w.u64(d.message);
    w.u32(d.recipient);
    w.i64(d.when);
  });
  std::string out;
  Writer(out).varint(n);
  return out + rows;
}

bool State::apply_deliveries(std::string_view meta) {
  Reader r(meta);
  std::map<DeliveryId, int64_t> known;
  for (size_t n = r.count(20); n > 0; --n) {
    DeliveryId id;
    id.message = r.u64();
    id.recipient = r.u32();
    known.emplace_hint(known.end(), id, r.i64());
  }
  if (!r.is_done()) return false;
  deliveries_.replace(std::move(known));
  return true;
}

}  // namespace mailkeep::store
