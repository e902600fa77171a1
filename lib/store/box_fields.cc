// Parts of a mailbox on disk: see box_fields.h.
// SPDX-License-Identifier: ISC
#include "lib/store/box_fields.h"

namespace mailkeep::store {

void put_identity(Writer& w, const State::Box& box) {
  w.u32(box.id);
  w.text(box.name);
  w.u8(static_cast<uint8_t>(box.role));
  w.u8(box.is_selectable ? 1 : 0);
  w.u32(box.uidvalidity);
  w.u32(box.uidnext);
  w.u32(box.recent_from);
  w.u64(box.highest_modseq);
  w.u64(box.created);
}

bool get_identity(Reader& r, State::Box& box) {
  box.id = r.u32();
  box.name = r.text();
  const uint8_t role = r.u8();
  box.role = static_cast<Role>(role);
  box.is_selectable = r.u8() != 0;
  box.uidvalidity = r.u32();
  box.uidnext = r.u32();
  box.recent_from = r.u32();
  box.highest_modseq = r.u64();
  box.created = r.u64();
  return box.id != 0 && role <= kLastRole;
}

void put_keywords(Writer& w, const State::Box& box) {
  w.varint(box.keywords.size());
  for (const std::string& keyword : box.keywords) w.text(keyword);
}

bool get_keywords(Reader& r, State::Box& box) {
  for (size_t n = r.count(1); n > 0 && r.ok(); --n) box.keywords.emplace_back(r.text());
  box.keywords_version = static_cast<uint32_t>(box.keywords.size());
  return box.keywords.size() <= kMaxKeywords;
}

void put_expunged(Writer& w, const State::Box& box) {
  w.varint(box.expunged.size());
  for (const Expunged& gone : box.expunged) {
    w.u64(gone.seq);
    w.u32(gone.uids.first);
    w.u32(gone.uids.last);
  }
}

void get_expunged(Reader& r, State::Box& box) {
  box.expunged.resize(r.count(16));
  for (Expunged& gone : box.expunged) {
    gone.seq = r.u64();
    gone.uids.first = r.u32();
    gone.uids.last = r.u32();
  }
}

}  // namespace mailkeep::store
