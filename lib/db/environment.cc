// The environment and its transactions. See db.h.
// SPDX-License-Identifier: ISC
#include "lib/db/db.h"
#include "lib/db/error.h"
#include "lib/db/log_reader.h"

namespace mailkeep::db {

void Environment::on_error(const DB_ENV* env, const char*, const char* message) {
  const auto* self = static_cast<const Environment*>(env->app_private);
  // After a failure it says the same of every page it holds.
  if (self->on_message_ && !self->failed_) self->on_message_(message);
}

void Environment::on_event(DB_ENV* env, uint32_t event, void*) {
  auto* self = static_cast<Environment*>(env->app_private);
  if (event == DB_EVENT_PANIC && !self->failed_) self->suspect_ = true;
  if (event == DB_EVENT_PANIC || event == DB_EVENT_WRITE_FAILED) self->fail();
}

// Also tells the engine, which would otherwise write pages at its close whose log records never reached the disk:
// then recovery refuses the tables ("LSN past end of log").
void Environment::fail() {
  if (failed_) return;
  failed_ = true;
  env_->set_flags(env_, DB_PANIC_ENVIRONMENT, 1);
}

Status Environment::set_up(const EnvironmentOptions& options) {
  if (int e = env_->set_cachesize(env_, 0, options.cache_bytes, 1); e != 0) return make_error("set_cachesize", "", e);
  if (int e = env_->set_lg_max(env_, options.log_file_bytes); e != 0) return make_error("set_lg_max", "", e);
  if (int e = env_->set_lg_bsize(env_, options.log_buffer_bytes); e != 0) return make_error("set_lg_bsize", "", e);
  if (int e = env_->log_set_config(env_, DB_LOG_AUTO_REMOVE, 1); e != 0) return make_error("log_set_config", "", e);
  if (int e = env_->log_set_config(env_, DB_LOG_ZERO, options.zero_log_files ? 1 : 0); e != 0) {
    return make_error("log_set_config", "", e);
  }
  // Neither DB_USE_ENVIRON nor a null home: the directory is the one named. No DB_INIT_LOCK: one thread.
  constexpr uint32_t kFlags = DB_CREATE | DB_INIT_TXN | DB_INIT_LOG | DB_INIT_MPOOL | DB_PRIVATE | DB_RECOVER;
  if (int e = env_->open(env_, options.home.c_str(), kFlags, 0600); e != 0) return make_error("open", options.home, e);
  return {};
}

Result<std::unique_ptr<Environment>> Environment::open(EnvironmentOptions options) {
  // The library would take settings from such a file in the home directory; nothing of ours writes one.
  const std::string settings = options.home + "/DB_CONFIG";
  if (::access(settings.c_str(), F_OK) == 0) return Error(settings + ": must not exist");
  std::unique_ptr<Environment> self(new Environment);
  self->on_message_ = std::move(options.on_message);
  if (int e = db_env_create(&self->env_, 0); e != 0) return make_error("db_env_create", "", e);
  self->env_->app_private = self.get();
  self->env_->set_errcall(self->env_, on_error);
  self->env_->set_event_notify(self->env_, on_event);
  if (Status s = self->set_up(options); !s) return s.error();
  return self;
}

Environment::~Environment() {
  // A failure here loses nothing: recovery runs at every open.
  if (env_ != nullptr) env_->close(env_, 0);
}

Status Environment::close() {
  Status saved = failed_ ? Status() : checkpoint(0);
  if (saved && !failed_) saved = mark();
  if (saved && !failed_) saved = flush();
  DB_ENV* env = std::exchange(env_, nullptr);
  const int e = env->close(env, 0);
  if (!saved) return saved;
  if (e != 0) return make_error("close", "environment", e);
  return {};
}

Status Environment::mark() {
  if (int e = env_->log_printf(env_, nullptr, "%s", kDurableMark.data()); e != 0)
    return make_error("log_printf", "", e);
  return {};
}

Result<Transaction> Environment::begin() {
  if (std::exchange(mark_due_, false)) {
    if (Status s = mark(); !s) return s.error();
  }
  DB_TXN* txn = nullptr;
  if (int e = env_->txn_begin(env_, nullptr, &txn, DB_TXN_NOSYNC); e != 0) return make_error("txn_begin", "", e);
  return Transaction(env_, txn);
}

Status Environment::flush() {
  if (int e = env_->log_flush(env_, nullptr); e != 0) {
    fail();  // what has reached the disk is known again after recovery only
    return make_error("log_flush", "", e);
  }
  mark_due_ = true;
  return {};
}

Status Environment::checkpoint(uint32_t log_bytes) {
  const uint32_t flags = log_bytes == 0 ? DB_FORCE : 0U;
  if (int e = env_->txn_checkpoint(env_, log_bytes / 1024, 0, flags); e != 0)
    return make_error("txn_checkpoint", "", e);
  return {};
}

Status Transaction::commit() {
  DB_TXN* txn = std::exchange(txn_, nullptr);
  if (txn == nullptr) fatal("Transaction: commit() of one that has ended");
  if (int e = txn->commit(txn, DB_TXN_NOSYNC); e != 0) return make_error("commit", "", e);
  return {};
}

void Transaction::abort() {
  DB_TXN* txn = std::exchange(txn_, nullptr);
  // An abort that fails makes the library call the environment failed, which Environment::failed() tells.
  if (txn != nullptr) txn->abort(txn);
}

void set_file_calls(const FileCalls& calls) {
  db_env_set_func_fsync(calls.sync);
  db_env_set_func_write(calls.write);
  db_env_set_func_pwrite(calls.pwrite);
  db_env_set_func_ftruncate(calls.truncate);
  db_env_set_func_open(calls.open);
  db_env_set_func_rename(calls.rename);
  db_env_set_func_unlink(calls.unlink);
}

}  // namespace mailkeep::db
