// What the journal's records say: one struct a record type. decode() refuses truncation and trailing bytes.
// SPDX-License-Identifier: ISC
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/store/bytes.h"
#include "lib/store/types.h"

namespace mailkeep::store {

struct MessageMeta {  // its object id is the record's sequence number
  MailboxId mailbox = 0;
  Uid uid = 0;
  uint32_t size = 0;
  bool is_big = false;  // the bytes lie in big/<object>, not in the record
  uint32_t big_crc = 0;
  int64_t internal_date = 0;
  int64_t saved = 0;
  uint8_t flags = 0;
  std::vector<std::string> keywords;
  bool has_delivery = false;
  DeliveryId delivery;

  std::string encode() const;
  bool decode(std::string_view bytes);
};

struct FlagsMeta {
  MailboxId mailbox = 0;
  uint8_t op = 0;  // of FlagOp
  uint8_t flags = 0;
  std::vector<std::string> keywords;
  UidSet uids;

  std::string encode() const;
  bool decode(std::string_view bytes);
};

struct ExpungeMeta {
  MailboxId mailbox = 0;
  UidSet uids;

  std::string encode() const;
  bool decode(std::string_view bytes);
};

struct CopyMeta {  // also of move
  MailboxId from = 0;
  MailboxId to = 0;
  Uid first_uid = 0;  // the i-th of `uids` becomes first_uid + i
  int64_t saved = 0;
  UidSet uids;

  std::string encode() const;
  bool decode(std::string_view bytes);
};

struct MailboxMeta {  // create; of an id that exists: it becomes selectable, with this uidvalidity
  MailboxId id = 0;
  std::string name;
  Role role = Role::none;
  bool is_selectable = true;
  uint32_t uidvalidity = 0;

  std::string encode() const;
  bool decode(std::string_view bytes);
};

struct DeleteMeta {
  MailboxId id = 0;
  bool keeps_name = false;  // becomes \Noselect

  std::string encode() const;
  bool decode(std::string_view bytes);
};

struct RenameMeta {
  std::vector<std::pair<MailboxId, std::string>> names;

  std::string encode() const;
  bool decode(std::string_view bytes);
};

struct SubscribeMeta {
  std::string name;
  bool is_on = false;

  std::string encode() const;
  bool decode(std::string_view bytes);
};

struct RecentMeta {
  MailboxId mailbox = 0;
  Uid recent_from = 0;

  std::string encode() const;
  bool decode(std::string_view bytes);
};

struct DeliveryMeta {
  DeliveryId id;
  int64_t when = 0;

  std::string encode() const;
  bool decode(std::string_view bytes);
};

struct BodyMeta {
  ObjectId object = 0;

  std::string encode() const;
  bool decode(std::string_view bytes);
};

}  // namespace mailkeep::store
