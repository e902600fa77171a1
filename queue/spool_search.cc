// Keeps the index of what waits up to date, and finds by it. See spool.h and search_index.h.
// SPDX-License-Identifier: ISC
#include <algorithm>

#include "queue/spool.h"

namespace mailkeep::queue {

namespace {

constexpr size_t kMessages = 100;  // taken up in one transaction: a few milliseconds

// The envelopes that rows lead to, which come in order of their ids.
class Envelopes {
 public:
  static Result<Envelopes> open(const db::Database& table) {
    auto cursor = db::Cursor::open(table);
    if (!cursor) return cursor.error();
    return Envelopes(std::move(cursor).value());
  }
  // The first at or after `id`, if it is of the same message.
  Result<std::optional<EnvelopeId>> seek(const EnvelopeId& id) {
    const std::string key = envelope_key(id);
    Result<bool> more = there_;
    if (there_ && cursor_.key() != key) more = cursor_.next();
    if (more && (!*more || cursor_.key() != key)) more = cursor_.seek(key);
    return at(more, id.message);
  }
  Result<std::optional<EnvelopeId>> next(uint64_t message) { return at(cursor_.next(), message); }
  std::string_view record() const { return cursor_.value(); }

 private:
  explicit Envelopes(db::Cursor cursor) : cursor_(std::move(cursor)) {}
  Result<std::optional<EnvelopeId>> at(const Result<bool>& more, uint64_t message) {
    if (!more) return more.error();
    there_ = *more;
    auto id = *more ? parse_envelope_key(cursor_.key()) : std::nullopt;
    if (id && id->message != message) id.reset();
    return id;
  }
  db::Cursor cursor_;
  bool there_ = false;
};

// What one look by the index comes to.
struct Look {
  Part part;
  size_t left;                     // envelopes that may be looked at
  std::vector<EnvelopeId> bad;     // that cannot be read
  std::vector<std::string> stale;  // rows that lead to nothing

  void take(const EnvelopeId& id, std::string_view record, const Wanted& wanted) {
    --left;
    part.last = id;
    if (!wanted.envelope.is_in(record)) return;
    Result<Envelope> envelope = decode_envelope(record);
    if (envelope && envelope->id == id) {
      part.envelopes.push_back(std::move(envelope).value());
    } else {
      bad.push_back(id);
    }
  }
};

// Takes those that the row leads to and that are behind the last one. False: it leads to nothing.
Result<bool> follow(const SearchRow& row, Envelopes& envelopes, Look& look, const Wanted& wanted) {
  const EnvelopeId first{row.message, row.number.value_or(0)};
  const EnvelopeId end{row.message, row.number.value_or(UINT32_MAX)};
  bool any = false;
  auto id = envelopes.seek(first);
  for (; id && *id && **id <= end && look.left > 0; id = envelopes.next(row.message)) {
    any = true;
    if (look.part.last < **id) look.take(**id, envelopes.record(), wanted);
  }
  if (!id) return id.error();
  if (look.left > 0) look.part.last = std::max(look.part.last, end);
  return any;
}

}  // namespace

Result<bool> Spool::index_on(int64_t now) {
  if (Status s = revive(); !s) return s.error();
  if (!search_->is_behind()) return false;
  if (const Status s = room_for(0); !s) return false;  // it is found without
  const int64_t until = now - kSettles;
  if (until < 0) return false;
  const Result<bool> more =
      search_->extend(*environment_, *tables_, static_cast<uint64_t>(until) << 32 | UINT32_MAX, kMessages);
  if (!more) return more.error();
  if (Status s = environment_->checkpoint(kCheckpointBytes); !s) return s.error();
  return more;
}

// What is in the index; behind its end comes what is not.
Result<Part> Spool::look_up(const EnvelopeId& after, size_t rows, const Wanted& wanted) {
  Look look{{{}, after, true}, rows, {}, {}};
  {
    auto cursor = db::Cursor::open(search_->table());
    if (!cursor) return cursor.error();
    auto envelopes = Envelopes::open(tables_->envelope);
    if (!envelopes) return envelopes.error();
    Result<bool> more = cursor->seek(wanted.row + message_key(after.message));
    for (; more && *more && look.left > 0; more = cursor->next()) {
      const auto row = parse_search_key(cursor->key(), wanted.row);
      if (!row) break;
      const EnvelopeId before = look.part.last;
      const auto any = follow(*row, *envelopes, look, wanted);
      if (!any) return any.error();
      if (*any) continue;
      look.stale.emplace_back(cursor->key());
      if (before < look.part.last) --look.left;
    }
    if (!more) return more.error();
    if (look.left > 0) look.part.last = {search_->border(), UINT32_MAX};
  }
  for (const EnvelopeId& id : look.bad) {
    if (const auto aside = envelope(id); !aside) return aside.error();  // sets it aside
  }
  for (const std::string& key : look.stale) {
    const auto row = parse_search_key(key, wanted.row);
    const Result<bool> named = tables_->message.contains(nullptr, message_key(row->message));
    if (!named) return named.error();
    if (*named && !row->number) continue;
    if (Status s = drop_row(search_->table(), key); !s) return s.error();
  }
  return std::move(look.part);
}

}  // namespace mailkeep::queue
