// The index of what waits. See search_index.h.
// SPDX-License-Identifier: ISC
#include "queue/search_index.h"

#include <algorithm>

#include "lib/base/text.h"

namespace mailkeep::queue {

namespace {

constexpr std::string_view kBorder("\0", 1);
constexpr size_t kMostRows = 4000;  // of one transaction, but for the end of the last message

using Keys = std::vector<std::string>;

std::string row(Found kind, std::string_view text, std::string_view id) { return search_prefix(kind, text).append(id); }

Keys keys_of(const Message& m) {
  const std::string id = message_key(m.id);
  Keys keys{row(Found::kSender, m.sender, id), row(Found::kSenderDomain, domain_of(m.sender), id)};
  if (!m.account.empty()) keys.push_back(row(Found::kAccount, m.account, id));
  return keys;
}

Keys keys_of(const Envelope& e) {
  const std::string id = envelope_key(e.id);
  Keys keys{row(Found::kRecipientDomain, domain_of(e.recipient), id)};
  if (std::string given = row(Found::kRecipientDomain, domain_of(e.original), id); given != keys.front())
    keys.push_back(std::move(given));
  if (!e.account.empty()) keys.push_back(row(Found::kAccount, e.account, id));
  return keys;
}

bool has(const Keys& keys, const std::string& key) { return std::find(keys.begin(), keys.end(), key) != keys.end(); }

Status put_all(db::Database& table, db::Transaction& txn, const Keys& keys, const Keys& except = {}) {
  for (const std::string& key : keys) {
    if (has(except, key)) continue;
    if (Status s = table.put(txn, key, ""); !s) return s;
  }
  return {};
}

Status erase_all(db::Database& table, db::Transaction& txn, const Keys& keys, const Keys& except = {}) {
  for (const std::string& key : keys) {
    if (has(except, key)) continue;
    if (const Result<bool> gone = table.erase(txn, key); !gone) return gone.error();
  }
  return {};
}

void move_to(Keys& keys, Keys&& more) {
  keys.insert(keys.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

// One of the two tables that are gone through side by side, by message ids.
class Side {
 public:
  static Result<Side> open(const db::Database& table, uint64_t first) {
    auto cursor = db::Cursor::open(table);
    if (!cursor) return cursor.error();
    Side side(std::move(cursor).value());
    const Result<bool> more = side.cursor_.seek(message_key(first));
    if (!more) return more.error();
    side.more_ = *more;
    return side;
  }
  bool is_at(uint64_t id) const { return more_ && this->id() == id; }
  std::optional<uint64_t> next_id() const { return more_ ? std::optional<uint64_t>(id()) : std::nullopt; }
  std::string_view record() const { return cursor_.value(); }
  Status step() {
    const Result<bool> more = cursor_.next();
    if (!more) return more.error();
    more_ = *more;
    return {};
  }

 private:
  explicit Side(db::Cursor cursor) : cursor_(std::move(cursor)) {}
  uint64_t id() const { return parse_number_key(cursor_.key().substr(0, 8)); }
  db::Cursor cursor_;
  bool more_ = false;
};

// What is above the border.
struct Gathered {
  Keys keys;
  uint64_t last = 0;
  bool more = false;   // of any id
  bool ready = false;  // of those asked for
};

// A record that cannot be read has no rows; it is set aside when it is met.
Result<Gathered> gather(const Tables& tables, uint64_t border, uint64_t until, size_t messages) {
  Gathered out;
  out.last = border;
  auto message = Side::open(tables.message, border + 1);
  if (!message) return message.error();
  auto envelope = Side::open(tables.envelope, border + 1);
  if (!envelope) return envelope.error();
  for (size_t n = 0;; ++n) {
    const auto a = message->next_id(), b = envelope->next_id();
    if (!a && !b) return out;
    const uint64_t id = std::min(a.value_or(UINT64_MAX), b.value_or(UINT64_MAX));
    out.more = true;
    out.ready = id <= until;
    if (!out.ready || n >= messages || out.keys.size() >= kMostRows) return out;
    if (message->is_at(id)) {
      if (const auto m = decode_message(message->record()); m && m->id == id) move_to(out.keys, keys_of(*m));
      if (Status s = message->step(); !s) return s.error();
    }
    while (envelope->is_at(id)) {
      if (const auto e = decode_envelope(envelope->record()); e && e->id.message == id) move_to(out.keys, keys_of(*e));
      if (Status s = envelope->step(); !s) return s.error();
    }
    out.last = id;
    out.more = out.ready = false;
  }
}

}  // namespace

// What is in an address has no zero byte: it is checked at the door. One that had would only be found too often.
std::string search_prefix(Found kind, std::string_view text) {
  std::string out(1, static_cast<char>(kind));
  out.append(lower(text)).push_back('\0');
  return out;
}

std::optional<SearchRow> parse_search_key(std::string_view key, std::string_view prefix) {
  constexpr size_t kMessage = 8;
  if (!key.starts_with(prefix)) return std::nullopt;
  key.remove_prefix(prefix.size());
  if (key.size() == kMessage) return SearchRow{parse_number_key(key), std::nullopt};
  const auto id = parse_envelope_key(key);
  return id ? std::optional<SearchRow>({id->message, id->number}) : std::nullopt;
}

Result<SearchIndex> SearchIndex::open(db::Environment& environment) {
  auto table = environment.table("search", kRecordPage);
  if (!table) return table.error();
  SearchIndex index(std::move(table).value());
  const auto border = index.table_.get(nullptr, kBorder);
  if (!border) return border.error();
  if (border->has_value()) index.border_ = parse_number_key(**border);
  return index;
}

Status SearchIndex::put(db::Transaction& txn, const Message& message) {
  if (covers(message.id)) return put_all(table_, txn, keys_of(message));
  behind_ = true;
  return {};
}

Status SearchIndex::erase(db::Transaction& txn, const Message& message) {
  return covers(message.id) ? erase_all(table_, txn, keys_of(message)) : Status();
}

Status SearchIndex::put(db::Transaction& txn, const Envelope& envelope) {
  if (covers(envelope.id.message)) return put_all(table_, txn, keys_of(envelope));
  behind_ = true;
  return {};
}

Status SearchIndex::erase(db::Transaction& txn, const Envelope& envelope) {
  return covers(envelope.id.message) ? erase_all(table_, txn, keys_of(envelope)) : Status();
}

// Most changes are of the next try: they touch nothing here.
Status SearchIndex::replace(db::Transaction& txn, const Envelope& before, const Envelope& after) {
  if (!covers(after.id.message)) return {};
  const Keys old = keys_of(before), now = keys_of(after);
  if (Status s = erase_all(table_, txn, old, now); !s) return s;
  return put_all(table_, txn, now, old);
}

Result<bool> SearchIndex::extend(db::Environment& environment, const Tables& tables, uint64_t until, size_t messages) {
  if (border_ == UINT64_MAX) return false;
  auto next = gather(tables, border_, until, messages);
  if (!next) return next.error();
  behind_ = next->more;
  if (next->last == border_) return false;
  std::sort(next->keys.begin(), next->keys.end());  // near each other in the table
  auto txn = environment.begin();
  if (!txn) return txn.error();
  if (Status s = put_all(table_, *txn, next->keys); !s) return s.error();
  if (Status s = table_.put(*txn, kBorder, number_key(next->last)); !s) return s.error();
  if (Status s = txn->commit(); !s) return s.error();
  border_ = next->last;
  return next->ready;
}

}  // namespace mailkeep::queue
