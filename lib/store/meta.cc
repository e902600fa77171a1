// SPDX-License-Identifier: ISC
#include "lib/store/meta.h"

namespace mailkeep::store {

namespace {

void put_texts(Writer& w, const std::vector<std::string>& texts) {
  w.varint(texts.size());
  for (const std::string& text : texts) w.text(text);
}

std::vector<std::string> get_texts(Reader& r) {
  std::vector<std::string> texts;
  const size_t n = r.count(1);
  for (size_t i = 0; i < n && r.ok(); ++i) texts.emplace_back(r.text());
  return texts;
}

}  // namespace

std::string MessageMeta::encode() const {
  std::string out;
  Writer w(out);
  w.u32(mailbox);
  w.u32(uid);
  w.u32(size);
  w.u8(static_cast<uint8_t>((is_big ? 1 : 0) | (has_delivery ? 2 : 0)));
  w.u32(big_crc);
  w.i64(internal_date);
  w.i64(saved);
  w.u8(flags);
  put_texts(w, keywords);
  if (has_delivery) {
    w.u64(delivery.message);
    w.u32(delivery.recipient);
  }
  return out;
}

bool MessageMeta::decode(std::string_view bytes) {
  Reader r(bytes);
  mailbox = r.u32();
  uid = r.u32();
  size = r.u32();
  const uint8_t bits = r.u8();
  is_big = (bits & 1) != 0;
  has_delivery = (bits & 2) != 0;
  big_crc = r.u32();
  internal_date = r.i64();
  saved = r.i64();
  flags = r.u8() & kAllFlags;
  keywords = get_texts(r);
  if (has_delivery) {
    delivery.message = r.u64();
    delivery.recipient = r.u32();
  }
  return r.is_done();
}

std::string FlagsMeta::encode() const {
  std::string out;
  Writer w(out);
  w.u32(mailbox);
  w.u8(op);
  w.u8(flags);
  put_texts(w, keywords);
  w.uids(uids);
  return out;
}

bool FlagsMeta::decode(std::string_view bytes) {
  Reader r(bytes);
  mailbox = r.u32();
  op = r.u8();
  flags = r.u8() & kAllFlags;
  keywords = get_texts(r);
  uids = r.uids();
  return r.is_done() && op <= 2;
}

std::string ExpungeMeta::encode() const {
  std::string out;
  Writer w(out);
  w.u32(mailbox);
  w.uids(uids);
  return out;
}

bool ExpungeMeta::decode(std::string_view bytes) {
  Reader r(bytes);
  mailbox = r.u32();
  uids = r.uids();
  return r.is_done();
}

std::string CopyMeta::encode() const {
  std::string out;
  Writer w(out);
  w.u32(from);
  w.u32(to);
  w.u32(first_uid);
  w.i64(saved);
  w.uids(uids);
  return out;
}

bool CopyMeta::decode(std::string_view bytes) {
  Reader r(bytes);
  from = r.u32();
  to = r.u32();
  first_uid = r.u32();
  saved = r.i64();
  uids = r.uids();
  return r.is_done();
}

std::string MailboxMeta::encode() const {
  std::string out;
  Writer w(out);
  w.u32(id);
  w.text(name);
  w.u8(static_cast<uint8_t>(role));
  w.u8(is_selectable ? 1 : 0);
  w.u32(uidvalidity);
  return out;
}

bool MailboxMeta::decode(std::string_view bytes) {
  Reader r(bytes);
  id = r.u32();
  name = r.text();
  const uint8_t role_number = r.u8();
  role = static_cast<Role>(role_number);
  is_selectable = r.u8() != 0;
  uidvalidity = r.u32();
  return r.is_done() && role_number <= kLastRole;
}

std::string DeleteMeta::encode() const {
  std::string out;
  Writer w(out);
  w.u32(id);
  w.u8(keeps_name ? 1 : 0);
  return out;
}

bool DeleteMeta::decode(std::string_view bytes) {
  Reader r(bytes);
  id = r.u32();
  keeps_name = r.u8() != 0;
  return r.is_done();
}

std::string RenameMeta::encode() const {
  std::string out;
  Writer w(out);
  w.varint(names.size());
  for (const auto& [id, name] : names) {
    w.u32(id);
    w.text(name);
  }
  return out;
}

bool RenameMeta::decode(std::string_view bytes) {
  Reader r(bytes);
  names.clear();
  const size_t n = r.count(5);
  for (size_t i = 0; i < n && r.ok(); ++i) {
    const MailboxId id = r.u32();
    names.emplace_back(id, r.text());
  }
  return r.is_done();
}

std::string SubscribeMeta::encode() const {
  std::string out;
  Writer w(out);
  w.text(name);
  w.u8(is_on ? 1 : 0);
  return out;
}

bool SubscribeMeta::decode(std::string_view bytes) {
  Reader r(bytes);
  name = r.text();
  is_on = r.u8() != 0;
  return r.is_done();
}

std::string RecentMeta::encode() const {
  std::string out;
  Writer w(out);
  w.u32(mailbox);
  w.u32(recent_from);
  return out;
}

bool RecentMeta::decode(std::string_view bytes) {
  Reader r(bytes);
  mailbox = r.u32();
  recent_from = r.u32();
  return r.is_done();
}

std::string DeliveryMeta::encode() const {
  std::string out;
  Writer w(out);
  w.u64(id.message);
  w.u32(id.recipient);
  w.i64(when);
  return out;
}

bool DeliveryMeta::decode(std::string_view bytes) {
  Reader r(bytes);
  id.message = r.u64();
  id.recipient = r.u32();
  when = r.i64();
  return r.is_done();
}

std::string BodyMeta::encode() const {
  std::string out;
  Writer(out).u64(object);
  return out;
}

bool BodyMeta::decode(std::string_view bytes) {
  Reader r(bytes);
  object = r.u64();
  return r.is_done();
}

}  // namespace mailkeep::store
