// The text part of the index (index.h): what is not of fixed size.
// SPDX-License-Identifier: ISC
#include "lib/store/box_fields.h"
#include "lib/store/bytes.h"
#include "lib/store/state.h"

namespace mailkeep::store {

namespace {

void put_head(Writer& w, const State::Box& box) {
  put_identity(w, box);
  w.u32(box.unseen);
  w.u32(box.deleted);
  w.u64(box.bytes);
  w.varint(box.messages.size());
  put_keywords(w, box);
  w.u64(box.expunged_floor);
  put_expunged(w, box);
}

// Takes the box's rows from the front of `rows`.
bool get_head(Reader& r, State::Box& box, std::span<Message>& rows) {
  if (!get_identity(r, box)) return false;
  box.unseen = r.u32();
  box.deleted = r.u32();
  box.bytes = r.u64();
  const uint64_t count = r.varint();
  if (!get_keywords(r, box)) return false;
  box.expunged_floor = r.u64();
  get_expunged(r, box);
  if (!r.ok() || count > rows.size()) return false;
  box.messages.adopt(rows.first(count));
  rows = rows.subspan(count);
  return true;
}

}  // namespace

std::string State::encode_heads() const {
  std::string out;
  Writer w(out);
  w.u32(next_mailbox_id_);
  w.u32(last_uidvalidity_);
  w.varint(boxes_.size());
  for (const auto& [id, box] : boxes_) put_head(w, *box);
  w.varint(subscriptions_.size());
  for (const std::string& name : subscriptions_) w.text(name);
  w.varint(live_bytes_.size());
  for (const auto& [segment, bytes] : live_bytes_) {
    w.u32(segment);
    w.u64(bytes);
  }
  return out;
}

bool State::decode_heads(std::string_view text, std::span<Message> rows) {
  Reader r(text);
  next_mailbox_id_ = r.u32();
  last_uidvalidity_ = r.u32();
  for (size_t n = r.count(50); n > 0; --n) {
    auto box = std::make_unique<Box>();
    if (!get_head(r, *box, rows)) return false;
    names_[box->name] = box->id;
    const MailboxId id = box->id;
    boxes_[id] = std::move(box);
  }
  for (size_t n = r.count(1); n > 0 && r.ok(); --n) subscriptions_.emplace(r.text());
  for (size_t n = r.count(12); n > 0; --n) {
    const uint32_t segment = r.u32();
    live_bytes_[segment] = r.u64();
  }
  return r.is_done() && rows.empty();
}

void State::adopt(os::Mapping mapping, std::span<Message> rows, std::span<Body> bodies,
                  std::span<const Delivery> deliveries) {
  for (const auto& [id, box] : boxes_) {
    const size_t count = box->messages.size();
    box->messages.adopt(rows.first(count));
    rows = rows.subspan(count);
  }
  bodies_.adopt(bodies);
  deliveries_.adopt(deliveries);
  mapping_ = std::move(mapping);  // only now is the old one no longer used
}

}  // namespace mailkeep::store
