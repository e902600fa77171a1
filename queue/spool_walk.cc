// Walks through all that waits: to count it, to list it, to find some of it. See spool.h.
// SPDX-License-Identifier: ISC
#include "lib/log/log.h"
#include "queue/spool.h"

namespace mailkeep::queue {

// The next rows of the index, which is small.
Status Spool::count_rows(uint64_t rows) {
  auto cursor = db::Cursor::open(tables_->due);
  if (!cursor) return cursor.error();
  Result<bool> more = counted_to_.empty() ? cursor->next() : cursor->seek(counted_to_);
  for (uint64_t n = 0; more && *more && n < rows; more = cursor->next()) {
    const std::string_view key = cursor->key();
    if (key == counted_to_) continue;
    ++count_of(counts_, static_cast<Lane>(key[0]));
    counted_to_ = key;
    ++n;
  }
  if (!more) return more.error();
  counting_ = *more;
  return {};
}

Status Spool::count_on(uint64_t rows) {
  if (Status s = revive(); !s) return s;
  if (!counting_) return {};
  Status s = count_rows(rows);
  if (s) return s;
  // What is wrong with the index is looked for at a new start.
  log::error("spool-not-counted").kv("why", s.error().text);
  suspect_ = true;
  shut();
  return s;
}

namespace {

// The records of messages, asked for in order of their ids.
class Messages {
 public:
  static Result<Messages> open(const db::Database& table) {
    auto cursor = db::Cursor::open(table);
    if (!cursor) return cursor.error();
    return Messages(std::move(cursor).value());
  }
  // Empty: it is not there.
  Result<std::string_view> record(uint64_t id) {
    if (id != id_) {
      id_ = id;
      const std::string key = message_key(id);
      Result<bool> more = started_ ? cursor_.next() : cursor_.seek(key);
      if (more && *more && started_ && cursor_.key() != key) more = cursor_.seek(key);
      if (!more) return more.error();
      started_ = true;
      there_ = *more && cursor_.key() == key;
    }
    return there_ ? cursor_.value() : std::string_view();
  }

 private:
  explicit Messages(db::Cursor cursor) : cursor_(std::move(cursor)) {}
  db::Cursor cursor_;
  uint64_t id_ = 0;
  bool started_ = false;
  bool there_ = false;
};

Result<bool> may_be(const Wanted& wanted, const EnvelopeId& id, std::string_view record, Messages& messages) {
  if (!wanted.envelope.is_in(record)) return false;
  const bool has_either = wanted.either.is_in(record);
  if (wanted.message.empty() && has_either) return true;
  const Result<std::string_view> message = messages.record(id.message);
  if (!message) return message.error();
  return wanted.message.is_in(*message) && (has_either || wanted.either.is_in(*message));
}

}  // namespace

Result<Part> Spool::look_through(const EnvelopeId& after, size_t rows, const Wanted& wanted) {
  if (Status s = revive(); !s) return s.error();
  const uint64_t border = search_->border();
  if (!wanted.row.empty() && border > 0 && after < EnvelopeId{border, UINT32_MAX}) return look_up(after, rows, wanted);
  Part part;
  part.last = after;
  std::vector<EnvelopeId> bad;
  {
    auto cursor = db::Cursor::open(tables_->envelope);
    if (!cursor) return cursor.error();
    auto messages = Messages::open(tables_->message);
    if (!messages) return messages.error();
    Result<bool> found = cursor->seek(envelope_key(after));
    for (size_t n = 0; found && *found && n < rows; found = cursor->next()) {
      const auto id = parse_envelope_key(cursor->key());
      if (!id || *id == after) continue;
      ++n;
      part.last = *id;
      const Result<bool> wants = may_be(wanted, *id, cursor->value(), *messages);
      if (!wants) return wants.error();
      if (!*wants) continue;
      Result<Envelope> envelope = decode_envelope(cursor->value());
      if (envelope && envelope->id == *id) {
        part.envelopes.push_back(std::move(envelope).value());
      } else {
        bad.push_back(*id);
      }
    }
    if (!found) return found.error();
    part.more = *found;
  }
  for (const EnvelopeId& id : bad) {
    if (const auto aside = envelope(id); !aside) return aside.error();  // sets it aside
  }
  return part;
}

Result<std::vector<Envelope>> Spool::list(const EnvelopeId& after, size_t max) {
  EnvelopeId at = after;
  for (;;) {
    auto part = look_through(at, max, {});
    if (!part) return part.error();
    if (!part->envelopes.empty() || !part->more) return std::move(part->envelopes);
    at = part->last;  // those that cannot be read are not the end
  }
}

}  // namespace mailkeep::queue
