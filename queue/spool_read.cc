// Reading the spool, and setting aside what cannot be read. See spool.h.
// SPDX-License-Identifier: ISC
#include <unistd.h>

#include <algorithm>

#include "lib/base/text.h"
#include "lib/log/log.h"
#include "queue/spool.h"

namespace mailkeep::queue {

// The record moves, as it is, to the table of such records: nothing is thrown away, nothing else waits for it.
Status Spool::put_aside(db::Database& table, const std::string& key, std::string_view why) {
  auto txn = environment_->begin();
  if (!txn) return txn.error();
  const auto record = table.get(&*txn, key);
  if (!record) return record.error();
  if (!record->has_value()) return {};
  log::error("spool-record-set-aside").kv("table", table.name()).kv("key", hex(key)).kv("why", why);
  ++set_aside_;
  if (Status s = tables_->aside.put(*txn, table.name() + ":" + key, **record); !s) return s;
  if (const Result<bool> gone = table.erase(*txn, key); !gone) return gone.error();
  unsettled_ = true;
  return txn->commit();
}

Status Spool::drop_row(db::Database& index, const std::string& key) {
  auto txn = environment_->begin();
  if (!txn) return txn.error();
  const Result<bool> gone = index.erase(*txn, key);
  if (!gone) return gone.error();
  if (Status s = txn->commit(); !s) return s;
  if (*gone && &index == &tables_->due && is_counted(key)) --count_of(counts_, static_cast<Lane>(key[0]));
  return {};
}

Result<std::optional<Message>> Spool::message(uint64_t id) {
  if (Status s = revive(); !s) return s.error();
  const std::string key = message_key(id);
  const auto record = tables_->message.get(nullptr, key);
  if (!record) return record.error();
  if (!record->has_value()) return std::optional<Message>();
  Result<Message> message = decode_message(**record);
  if (message) return std::optional<Message>(std::move(message).value());
  // Its body goes with it, so that nothing removes that later.
  if (Status s = put_aside(tables_->message, key, message.error().text); !s) return s.error();
  if (Status s = put_aside(tables_->body, key, "its message could not be read"); !s) return s.error();
  if (Status s = files_->set_aside(id); !s) return s.error();
  return std::optional<Message>();
}

Result<std::optional<Envelope>> Spool::envelope(const EnvelopeId& id) {
  if (Status s = revive(); !s) return s.error();
  const std::string key = envelope_key(id);
  const auto record = tables_->envelope.get(nullptr, key);
  if (!record) return record.error();
  if (!record->has_value()) return std::optional<Envelope>();
  Result<Envelope> envelope = decode_envelope(**record);
  if (envelope && envelope->id == id) return std::optional<Envelope>(std::move(envelope).value());
  const std::string why = envelope ? "record of another envelope" : envelope.error().text;
  if (Status s = put_aside(tables_->envelope, key, why); !s) return s.error();
  return std::optional<Envelope>();
}

Result<std::vector<Envelope>> Spool::envelopes(uint64_t id) {
  std::vector<Envelope> out;
  EnvelopeId after{id, 0};
  if (auto first = envelope(after); !first) {
    return first.error();
  } else if (first->has_value()) {
    out.push_back(std::move(**first));
  }
  for (;;) {
    auto some = list(after, 256);
    if (!some) return some.error();
    for (Envelope& e : *some) {
      if (e.id.message != id) return out;
      after = e.id;
      out.push_back(std::move(e));
    }
    if (some->empty()) return out;
  }
}

Result<std::optional<std::string>> Spool::body(uint64_t id) {
  if (Status s = revive(); !s) return s.error();
  const std::string key = message_key(id);
  auto record = tables_->body.get(nullptr, key);
  if (!record) return record.error();
  if (!record->has_value()) return std::optional<std::string>();
  const Result<std::string_view> body = decode_body(id, **record);
  if (body) return std::optional<std::string>(std::string(*body));
  if (Status s = put_aside(tables_->body, key, body.error().text); !s) return s.error();
  return std::optional<std::string>();
}

Result<Fd> Spool::open_file(uint64_t id) {
  const auto found = message(id);
  if (!found) return found.error();
  if (!found->has_value()) return Error("no message", ENOENT);
  Result<Fd> file = files_->open_to_read(id);
  if (!file) return file.error();
  const Result<uint32_t> checksum = files_->checksum(file->get(), (*found)->size);
  if (!checksum && checksum.error().code != EBADMSG) return checksum.error();
  if (checksum && *checksum == (*found)->checksum) return file;
  const std::string why = checksum ? "file has a wrong checksum" : checksum.error().text;
  log::error("spool-record-set-aside").kv("table", "large").kv("key", hex64(id)).kv("why", why);
  ++set_aside_;
  if (Status s = files_->set_aside(id); !s) return s.error();
  return Error(why, EBADMSG);
}

std::string Spool::head(const Message& message) {
  if (!message.in_file) {
    auto found = body(message.id);
    return found && found->has_value() ? std::move(**found) : std::string();
  }
  const Result<Fd> file = files_->open_to_read(message.id);
  if (!file) return {};
  std::string text(std::min<uint64_t>(message.size, kHead), '\0');
  const ssize_t n = ::pread(file->get(), text.data(), text.size(), 0);
  text.resize(n > 0 ? static_cast<size_t>(n) : 0);
  return text;
}

Result<const History*> Spool::history() {
  if (Status s = revive(); !s) return s.error();
  return &*history_;
}

bool Spool::prune_history(int64_t cutoff, uint64_t most) {
  if (!revive() || history_->is_empty()) return false;
  const uint64_t before = history_->finished() + history_->refused();
  const Result<bool> more = history_->prune(*environment_, cutoff, most);
  if (!more) log::error("history-prune-failed").kv("why", more.error().text);
  unsettled_ = unsettled_ || history_->finished() + history_->refused() != before;
  return more && *more;
}

Result<std::vector<DestinationStat>> Spool::destinations(std::string& after, size_t rows, size_t most) {
  if (Status s = revive(); !s) return s.error();
  std::vector<DestinationStat> out;
  auto cursor = db::Cursor::open(tables_->destination);
  if (!cursor) return cursor.error();
  Result<bool> more = after.empty() ? cursor->next() : cursor->seek(after);
  std::string last;
  std::string prefix;
  for (size_t n = 0; more && *more && n < rows && out.size() < most; more = cursor->next()) {
    const std::string_view key = cursor->key();
    const auto point = parse_point(key);
    if (!point || key.size() < 22 || key == after) continue;
    ++n;
    last = key;
    if (const auto head = key.substr(0, key.size() - 20); head != prefix) {
      prefix = head;
      DestinationStat& d = out.emplace_back();
      d.name = head.substr(1, head.size() - 2).substr(0, kMaxAddress);
      d.relay = key[0] != static_cast<char>(Lane::kLocal);
    }
    DestinationStat& d = out.back();
    ++(key[0] == static_cast<char>(Lane::kHeld) ? d.held : d.waiting);
    const auto came = static_cast<int64_t>(point->id.message >> 32);
    if (d.oldest == 0 || came < d.oldest) d.oldest = came;
  }
  if (!more) return more.error();
  after = *more ? last : std::string();
  return out;
}

// Reads the index first and the envelopes after: no cursor is open while a record is set aside.
Result<std::vector<Envelope>> Spool::collect(const db::Database& index, const std::string& start,
                                             const std::string& prefix, int64_t until, size_t max) {
  std::vector<std::string> keys;
  {
    auto cursor = db::Cursor::open(index);
    if (!cursor) return cursor.error();
    Result<bool> more = cursor->seek(start);
    for (; more && *more && keys.size() < max; more = cursor->next()) {
      const std::string key(cursor->key());
      if (!key.starts_with(prefix)) break;
      const auto point = parse_point(key);
      if (point && point->time > until) break;
      if (key != start) keys.push_back(key);
    }
    if (!more) return more.error();
  }
  std::vector<Envelope> out;
  for (const std::string& key : keys) {
    const auto point = parse_point(key);
    auto found = point ? envelope(point->id) : Result<std::optional<Envelope>>(std::optional<Envelope>());
    if (!found) return found.error();
    if (found->has_value() && (*found)->next_try == point->time) {
      out.push_back(std::move(**found));
    } else if (Status s = drop_row(const_cast<db::Database&>(index), key); !s) {
      return s.error();
    }
  }
  // Rows of the index that led nowhere are gone now; the caller must not take their lack for the end.
  if (out.empty() && !keys.empty()) return collect(index, start, prefix, until, max);
  return out;
}

Result<std::vector<Envelope>> Spool::due(Kind kind, const DuePoint& after, int64_t until, size_t max) {
  if (Status s = revive(); !s) return s.error();
  return collect(tables_->due, due_key(lane_of(kind), after), std::string(1, static_cast<char>(lane_of(kind))), until,
                 max);
}

Result<std::vector<Envelope>> Spool::due_at(Kind kind, const std::string& destination, const DuePoint& after,
                                            int64_t until, size_t max) {
  if (Status s = revive(); !s) return s.error();
  const std::string prefix = destination_prefix(lane_of(kind), destination);
  const std::string start = prefix + due_key(lane_of(kind), after).substr(1);
  return collect(tables_->destination, start, prefix, until, max);
}

Result<std::optional<int64_t>> Spool::next_due(Kind kind, const DuePoint& after) {
  if (Status s = revive(); !s) return s.error();
  auto cursor = db::Cursor::open(tables_->due);
  if (!cursor) return cursor.error();
  const std::string start = due_key(lane_of(kind), after);
  Result<bool> more = cursor->seek(start);
  if (more && *more && cursor->key() == start) more = cursor->next();
  if (!more) return more.error();
  const auto point =
      *more && cursor->key()[0] == static_cast<char>(lane_of(kind)) ? parse_point(cursor->key()) : std::nullopt;
  return point ? std::optional<int64_t>(point->time) : std::nullopt;
}

}  // namespace mailkeep::queue
