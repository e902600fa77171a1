// The journal's records: how one is framed, found again after damage, and told from a forgery in a message.
//
// A segment begins with a header of 40 bytes, then records follow each other without gaps:
//
//   0   8  "MAILKEEP"          |  0   4  "\nMK1"
//   8   4  form of the journal |  4   8  mark: 64 random bits of this account, so that no mail can hold a record
//   12  4  segment number      |  12  4  CRC-32C of bytes 16 … end of meta
//   16  8  mark                |  16  4  CRC-32C of the body
//   24  8  sequence number     |  20  4  size of meta
//   32  4  CRC-32C of 0 … 32   |  24  4  size of the body
//   36  4  zero                |  28  1  type; 29 1 flags (1: the next record belongs to this one's group); 30 2 zero
//                              |  32  8  sequence number
//                              |  40  8  what was durable when this was written
//                              |  48     meta, then body (a message's bytes, as received)
//
// Numbers are little-endian; sequence numbers grow from record to record. When a scan meets bytes that are no sound
// record:
//   - A later record calls that number durable (its last field), or a later segment was begun, which is done after a sync of
//     this one: they are damaged.
//   - They cannot be what a power cut left of an unfinished write (torn.h): they are damaged.
//   - Else they are torn.
// Damage costs these bytes alone, which are kept aside; the scan goes on with the next sound record. Torn bytes are cut
// with all behind them, also kept aside: these records were written before any sync that covered the torn one had
// ended, so nobody was told of them, and without it they may make no sense. Only of a tail that no record calls durable
// yet can damage that looks like a missing sector be mistaken for torn; a proof is written as soon as nothing else is
// going on, and at the end.
// SPDX-License-Identifier: ISC
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "lib/store/types.h"

namespace mailkeep::store {

enum class RecordType : uint8_t {
  message = 1,
  flags,
  expunge,
  copy,
  move,
  create_mailbox,
  delete_mailbox,
  rename_mailbox,
  subscribe,
  recent,
  delivery,
  body,     // compaction: a message's bytes at a new place
  account,  // these three: the whole state, from compaction
  mailbox,
  deliveries,
  proof,  // nothing new (its number is the last one's): only says what was durable, written in quiet moments
};

struct Record {
  RecordType type{};
  bool has_more = false;  // the next record belongs to the same group
  Seq seq = 0;
  Seq synced = 0;
  std::string_view meta;
  std::string_view body;
  uint32_t body_crc = 0;
};

constexpr size_t kSegmentHeader = 40;
constexpr size_t kRecordHeader = 48;
constexpr uint32_t kMaxMeta = 256U << 20;
constexpr uint32_t kMaxBody = 256U << 20;
constexpr uint32_t kJournalForm = 1;

std::string encode_segment_header(uint32_t segment, uint64_t mark, Seq seq);
// The mark, if `bytes` begin with a sound header of that segment.
std::optional<uint64_t> parse_segment_header(std::string_view bytes, uint32_t segment);

// Appends the record to `out`; body_crc is what the caller says.
void encode_record(std::string& out, const Record& record, uint64_t mark);

// Makes the encoded record at `at` the last of its group.
void clear_has_more(std::string& out, size_t at);

struct Parsed {
  enum class State : uint8_t {
    whole,
    bad_body,  // head and meta are sound, so is `size`; the body is not
    bad,
  };
  State state = State::bad;
  size_t size = 0;  // of the record in bytes
  Record record;    // views into the input
};
// The record at the start of `bytes`.
Parsed parse_record(std::string_view bytes, uint64_t mark);
// For bytes that are no sound record: whether they begin like one, and then what size their head claims, true or not.
bool begins_record(std::string_view bytes, uint64_t mark);
uint64_t claimed_size(std::string_view bytes);
// The mark of the first sound record, of whatever account; 0: there is none.
uint64_t find_any_mark(std::string_view bytes);
// Where, at or after `from`, the next record with a sound head begins; npos: nowhere.
size_t find_record(std::string_view bytes, size_t from, uint64_t mark);

}  // namespace mailkeep::store
