// A transactional store of ordered tables: Berkeley DB 5.3 behind an interface that a second engine could fit.
//
// An Environment is one directory, opened by one process and used by one thread: it takes no locks, so there is at
// most one Transaction that writes at a time, and no Cursor outlives the Transaction it was made in. Tables are B+trees
// of byte strings in byte order. A Transaction that is committed is in the log's buffer; it is on disk when flush()
// has returned. flush() covers all that was committed before it: that is group commit.
//
// Every page of a table has a checksum. What the engine cannot mend is read without it: log_reader.h, table_reader.h.
//
// Errors carry errno where the system said one (ENOSPC when the disk is full). After an error that leaves
// Environment::failed() true nothing works any more until the environment has been closed and opened again, which
// runs recovery: what was flushed is there, of the rest each transaction is there whole or not at all.
//
// Used by the queue. Trusts the directory's content not to be hostile.
// SPDX-License-Identifier: ISC
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "lib/base/result.h"

struct __db;
struct __db_env;
struct __db_txn;
struct __dbc;

namespace mailkeep::db {

struct EnvironmentOptions {
  std::string home;                         // a directory that exists; no file in it is read for settings
  uint32_t cache_bytes = 16 * 1024 * 1024;  // pages kept in memory
  uint32_t log_file_bytes = 4 * 1024 * 1024;
  uint32_t log_buffer_bytes = 1024 * 1024;
  bool zero_log_files = true;  // fill a new log file with zeros, so that a flush writes no metadata
  std::function<void(std::string_view)> on_message = {};  // what the library says about its own errors
};

class Database;

class Transaction {
 public:
  Transaction(Transaction&& other) noexcept : env_(other.env_), txn_(std::exchange(other.txn_, nullptr)) {}
  Transaction& operator=(Transaction&&) = delete;
  ~Transaction() { abort(); }

  // Ends it; on disk after the environment's next flush(). After an error nothing of it is kept.
  Status commit();
  void abort();

 private:
  friend class Environment;
  friend class Database;
  friend class Cursor;
  Transaction(__db_env* env, __db_txn* txn) : env_(env), txn_(txn) {}
  __db_env* env_;
  __db_txn* txn_;
};

class Environment {
 public:
  // Opens the environment in options.home, making it when it is not there, and runs recovery.
  static Result<std::unique_ptr<Environment>> open(EnvironmentOptions options);
  ~Environment();
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;

  // The table `name` (a file in home), made when it is not there. It must be gone before the environment is.
  Result<Database> table(const std::string& name, uint32_t page_bytes);
  Result<Transaction> begin();
  // Makes everything committed so far durable: one sync.
  Status flush();
  // Writes changed pages to the tables, so that recovery starts here and old log files go away. Does nothing while
  // less than `log_bytes` have been logged since the last one (0: always).
  Status checkpoint(uint32_t log_bytes);
  // Checkpoint and close; the destructor closes without a checkpoint, as a crash would.
  Status close();
  // True after an error that only a new open() mends.
  bool failed() const { return failed_; }
  // The engine itself gave up: perhaps for damage that it will meet again after a new open().
  bool suspect() const { return suspect_; }

 private:
  Environment() = default;
  static void on_error(const __db_env* env, const char* prefix, const char* message);
  static void on_event(__db_env* env, uint32_t event, void* info);
  Status set_up(const EnvironmentOptions& options);
  void fail();
  Status mark();

  __db_env* env_ = nullptr;
  bool failed_ = false;
  bool suspect_ = false;
  bool mark_due_ = false;  // since the last sync nothing has been written: see log_reader.h
  std::function<void(std::string_view)> on_message_;
};

class Database {
 public:
  Database(Database&& other) noexcept : db_(std::exchange(other.db_, nullptr)), name_(std::move(other.name_)) {}
  Database& operator=(Database&& other) noexcept;
  Database(const Database&) = delete;
  ~Database();

  const std::string& name() const { return name_; }
  // The value of `key`, or nothing when it is not there. `txn` null reads what is committed.
  Result<std::optional<std::string>> get(Transaction* txn, std::string_view key) const;
  Result<bool> contains(Transaction* txn, std::string_view key) const;
  // Writes over what is there.
  Status put(Transaction& txn, std::string_view key, std::string_view value);
  // EEXIST when the key is there.
  Status insert(Transaction& txn, std::string_view key, std::string_view value);
  // False when it was not there.
  Result<bool> erase(Transaction& txn, std::string_view key);
  // Roughly, from the table's own statistics: reads no record.
  Result<uint64_t> approximate_count() const;

 private:
  friend class Environment;
  friend class Cursor;
  Database(__db* db, std::string name) : db_(db), name_(std::move(name)) {}
  Status write(Transaction& txn, std::string_view key, std::string_view value, uint32_t flags);
  __db* db_;
  std::string name_;
};

// A place in a table. After a move that returned true, key() and value() are valid until the next move.
class Cursor {
 public:
  static Result<Cursor> open(const Database& table, Transaction* txn = nullptr);
  Cursor(Cursor&& other) noexcept
      : cursor_(std::exchange(other.cursor_, nullptr)), key_(other.key_), value_(other.value_) {}
  Cursor& operator=(Cursor&&) = delete;
  ~Cursor();

  // Each returns false when there is no such record.
  Result<bool> seek(std::string_view key);  // the first record at or after `key`
  Result<bool> next();                      // the one after; the first when nothing was sought
  Result<bool> last();
  std::string_view key() const { return key_; }
  std::string_view value() const { return value_; }

 private:
  explicit Cursor(__dbc* cursor) : cursor_(cursor) {}
  Result<bool> move(std::string_view key, uint32_t flags);
  __dbc* cursor_;
  std::string_view key_, value_;
};

// The system calls that change files, as the engine makes them; null keeps the system's own. For tests that count
// syncs, record writes or let the n-th call fail. Process-wide; set before the first Environment is opened.
struct FileCalls {
  int (*sync)(int fd) = nullptr;
  ssize_t (*write)(int fd, const void* data, size_t size) = nullptr;
  ssize_t (*pwrite)(int fd, const void* data, size_t size, off_t offset) = nullptr;
  int (*truncate)(int fd, off_t size) = nullptr;
  int (*open)(const char* path, int flags, ...) = nullptr;
  int (*rename)(const char* from, const char* to) = nullptr;
  int (*unlink)(const char* path) = nullptr;
};
void set_file_calls(const FileCalls& calls);

}  // namespace mailkeep::db
