// What relay remembers: notes in the spool's database. See spool.h.
//
//   record = expiry:8, little endian | crc32c of the rest:4 | value
// One that its checksum does not confirm, or that is over, is as none.
// SPDX-License-Identifier: ISC
#include <cstring>

#include "lib/base/crc32c.h"
#include "queue/spool.h"

namespace mailkeep::queue {

namespace {

constexpr size_t kNoteHead = 12;

std::string encode_note(const Note& note) {
  const auto expires = static_cast<uint64_t>(note.expires);
  const uint32_t crc = crc32c(note.value);
  std::string out(kNoteHead, '\0');
  std::memcpy(out.data(), &expires, 8);
  std::memcpy(out.data() + 8, &crc, 4);
  return out + note.value;
}

bool is_over(std::string_view record, int64_t now) {
  uint64_t expires = 0;
  if (record.size() < kNoteHead) return true;
  std::memcpy(&expires, record.data(), 8);
  return now >= static_cast<int64_t>(expires);
}

bool is_whole(std::string_view record) {
  uint32_t crc = 0;
  if (record.size() < kNoteHead) return false;
  std::memcpy(&crc, record.data() + 8, 4);
  return crc == crc32c(record.substr(kNoteHead));
}

}  // namespace

Status Spool::put_note(db::Transaction& txn, const Note& note) {
  if (!note.value.empty()) return tables_->note.put(txn, note.key, encode_note(note));
  const Result<bool> gone = tables_->note.erase(txn, note.key);
  return gone ? Status() : Status(gone.error());
}

Result<std::optional<std::string>> Spool::note(std::string_view key, int64_t now) {
  if (Status s = revive(); !s) return s.error();
  auto record = tables_->note.get(nullptr, key);
  if (!record) return record.error();
  if (!record->has_value() || is_over(**record, now) || !is_whole(**record)) return std::optional<std::string>();
  return std::optional<std::string>((*record)->substr(kNoteHead));
}

Result<std::string> Spool::drop_notes(const std::string& after, int64_t now, size_t max) {
  if (Status s = revive(); !s) return s.error();
  Change change;
  std::string last;
  {
    auto cursor = db::Cursor::open(tables_->note);
    if (!cursor) return cursor.error();
    Result<bool> more = cursor->seek(after);
    for (size_t n = 0; more && *more && n < max; more = cursor->next(), ++n) {
      last = cursor->key();
      if (is_over(cursor->value(), now)) change.notes.push_back({last, 0, ""});
    }
    if (!more) return more.error();
    if (!*more) last.clear();
  }
  if (!change.notes.empty()) stage(std::move(change));
  return last.empty() ? last : last + '\0';
}

}  // namespace mailkeep::queue
