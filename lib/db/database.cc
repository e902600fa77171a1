// Tables and cursors. See db.h.
// SPDX-License-Identifier: ISC
#include "lib/db/db.h"
#include "lib/db/error.h"

namespace mailkeep::db {

// The library takes non-const pointers also to what it only reads.
static DBT input(std::string_view bytes) {
  DBT dbt = {};
  dbt.data = const_cast<char*>(bytes.data());
  dbt.size = static_cast<uint32_t>(bytes.size());
  return dbt;
}

static std::string_view view(const DBT& dbt) { return {static_cast<const char*>(dbt.data), dbt.size}; }

Result<Database> Environment::table(const std::string& name, uint32_t page_bytes) {
  DB* raw = nullptr;
  if (int e = db_create(&raw, env_, 0); e != 0) return make_error("db_create", name, e);
  Database table(raw, name);
  if (int e = raw->set_pagesize(raw, page_bytes); e != 0) return make_error("set_pagesize", name, e);
  // A page that was damaged is refused when it is read, not followed.
  if (int e = raw->set_flags(raw, DB_CHKSUM); e != 0) return make_error("set_flags", name, e);
  if (int e = raw->open(raw, nullptr, name.c_str(), nullptr, DB_BTREE, DB_CREATE | DB_AUTO_COMMIT, 0600); e != 0) {
    return make_error("open", name, e);
  }
  return table;
}

Database& Database::operator=(Database&& other) noexcept {
  std::swap(db_, other.db_);
  std::swap(name_, other.name_);
  return *this;
}

Database::~Database() {
  // Nothing to write: pages go to disk through the environment's log and checkpoints.
  if (db_ != nullptr) db_->close(db_, DB_NOSYNC);
}

Result<std::optional<std::string>> Database::get(Transaction* txn, std::string_view key) const {
  DBT k = input(key);
  DBT v = {};  // the library's memory, valid until the next call on this handle
  const int e = db_->get(db_, txn != nullptr ? txn->txn_ : nullptr, &k, &v, 0);
  if (e == DB_NOTFOUND) return std::optional<std::string>();
  if (e != 0) return make_error("get", name_, e);
  return std::optional<std::string>(std::string(view(v)));
}

Result<bool> Database::contains(Transaction* txn, std::string_view key) const {
  DBT k = input(key);
  const int e = db_->exists(db_, txn != nullptr ? txn->txn_ : nullptr, &k, 0);
  if (e == DB_NOTFOUND) return false;
  if (e != 0) return make_error("exists", name_, e);
  return true;
}

Status Database::write(Transaction& txn, std::string_view key, std::string_view value, uint32_t flags) {
  DBT k = input(key);
  DBT v = input(value);
  const int e = db_->put(db_, txn.txn_, &k, &v, flags);
  if (e == DB_KEYEXIST) return Error("insert " + name_ + ": the key is there", EEXIST);
  if (e != 0) return make_error("put", name_, e);
  return {};
}

Status Database::put(Transaction& txn, std::string_view key, std::string_view value) {
  return write(txn, key, value, 0);
}

Status Database::insert(Transaction& txn, std::string_view key, std::string_view value) {
  return write(txn, key, value, DB_NOOVERWRITE);
}

Result<bool> Database::erase(Transaction& txn, std::string_view key) {
  DBT k = input(key);
  const int e = db_->del(db_, txn.txn_, &k, 0);
  if (e == DB_NOTFOUND) return false;
  if (e != 0) return make_error("del", name_, e);
  return true;
}

Result<uint64_t> Database::approximate_count() const {
  void* raw = nullptr;
  if (int e = db_->stat(db_, nullptr, &raw, DB_FAST_STAT); e != 0) return make_error("stat", name_, e);
  const std::unique_ptr<void, decltype(&::free)> stat(raw, &::free);
  return uint64_t{static_cast<const DB_BTREE_STAT*>(raw)->bt_nkeys};
}

Result<Cursor> Cursor::open(const Database& table, Transaction* txn) {
  DBC* raw = nullptr;
  if (int e = table.db_->cursor(table.db_, txn != nullptr ? txn->txn_ : nullptr, &raw, 0); e != 0) {
    return make_error("cursor", table.name_, e);
  }
  return Cursor(raw);
}

Cursor::~Cursor() {
  if (cursor_ != nullptr) cursor_->close(cursor_);
}

Result<bool> Cursor::move(std::string_view key, uint32_t flags) {
  DBT k = input(key);
  DBT v = {};
  const int e = cursor_->get(cursor_, &k, &v, flags);
  if (e == DB_NOTFOUND) return false;
  if (e != 0) return make_error("cursor get", "", e);
  key_ = view(k);
  value_ = view(v);
  return true;
}

Result<bool> Cursor::seek(std::string_view key) { return move(key, DB_SET_RANGE); }
Result<bool> Cursor::next() { return move({}, DB_NEXT); }
Result<bool> Cursor::last() { return move({}, DB_LAST); }

}  // namespace mailkeep::db
