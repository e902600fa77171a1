// A table in one file: see constant_table.h.
// SPDX-License-Identifier: ISC
#include "lib/db/constant_table.h"

#include <fcntl.h>
#include <unistd.h>

#include "lib/base/fd.h"
#include "lib/base/text.h"
#include "lib/db/error.h"

namespace mailkeep::db {
namespace {

constexpr std::string_view kMark{"\0mailkeep", 9};  // no key of a table has a NUL
constexpr uint32_t kCache = 1024 * 1024;
constexpr uint32_t kPage = 4096;

DBT input(std::string_view bytes) {
  DBT dbt = {};
  dbt.data = const_cast<char*>(bytes.data());
  dbt.size = static_cast<uint32_t>(bytes.size());
  return dbt;
}
std::string text_of(const DBT& dbt) { return {static_cast<const char*>(dbt.data), dbt.size}; }

std::string directory_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == path.npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
}

Status sync(const std::string& path, int flags) {
  const Fd fd(::open(path.c_str(), flags | O_CLOEXEC));
  if (!fd || ::fsync(fd.get()) != 0) return errno_error("sync " + path);
  return {};
}

}  // namespace

// An environment of its own, in memory: without one the library would look for settings in the current directory.
Status ConstantTable::attach(const std::string& path, bool make) {
  path_ = path;
  const std::string home = directory_of(path);
  if (::access((home + "/DB_CONFIG").c_str(), F_OK) == 0) return Error(home + "/DB_CONFIG: must not exist");
  if (int e = db_env_create(&env_, 0); e != 0) return make_error("db_env_create", "", e);
  if (int e = env_->set_cachesize(env_, 0, kCache, 1); e != 0) return make_error("set_cachesize", "", e);
  env_->set_errcall(env_, [](const DB_ENV*, const char*, const char*) {});  // errors come as codes
  if (int e = env_->open(env_, home.c_str(), DB_CREATE | DB_PRIVATE | DB_INIT_MPOOL, 0); e != 0)
    return make_error("open", home, e);
  if (int e = db_create(&db_, env_, 0); e != 0) return make_error("db_create", path, e);
  if (make) {
    if (int e = db_->set_pagesize(db_, kPage); e != 0) return make_error("set_pagesize", path, e);
    if (int e = db_->set_flags(db_, DB_CHKSUM); e != 0) return make_error("set_flags", path, e);
  }
  const uint32_t flags = make ? DB_CREATE | DB_EXCL : DB_RDONLY;
  if (int e = db_->open(db_, nullptr, path.c_str(), nullptr, DB_BTREE, flags, 0644); e != 0)
    return make_error("open", path, e);
  return {};
}

ConstantTable::~ConstantTable() {
  if (db_ != nullptr) db_->close(db_, DB_NOSYNC);
  if (env_ != nullptr) env_->close(env_, 0);
}

Status ConstantTable::build(const std::string& path, std::string_view form,
                            const std::vector<std::pair<std::string, std::string>>& entries) {
  const std::string draft = path + ".new";
  if (::unlink(draft.c_str()) != 0 && errno != ENOENT) return errno_error("unlink " + draft);
  const auto fill = [&]() -> Status {
    ConstantTable table;
    if (auto status = table.attach(draft, true); !status) return status;
    const auto put = [&](std::string_view key, std::string_view value) {
      DBT k = input(key), v = input(value);
      return table.db_->put(table.db_, nullptr, &k, &v, DB_NOOVERWRITE);
    };
    if (int e = put(kMark, std::string(form) + " " + std::to_string(entries.size())); e != 0)
      return make_error("put", draft, e);
    for (const auto& [key, value] : entries) {
      const int e = put(key, value);
      if (e == DB_KEYEXIST) return Error("'" + printable(key, 60) + "' a second time", EEXIST);
      if (e != 0) return make_error("put", draft, e);
    }
    if (int e = table.db_->sync(table.db_, 0); e != 0) return make_error("sync", draft, e);
    return {};
  };
  auto status = fill();
  if (status) status = sync(draft, O_RDONLY);
  if (status && ::rename(draft.c_str(), path.c_str()) != 0) status = errno_error("rename " + draft);
  if (status) return sync(directory_of(path), O_RDONLY | O_DIRECTORY);
  ::unlink(draft.c_str());
  return status;
}

Result<std::unique_ptr<ConstantTable>> ConstantTable::open(const std::string& path, std::string_view form) {
  std::unique_ptr<ConstantTable> out(new ConstantTable);
  if (auto status = out->attach(path, false); !status) return status.error();
  const auto mark = out->get(kMark);
  if (!mark) return mark.error();
  const size_t space = mark->has_value() ? (*mark)->find(' ') : std::string::npos;
  if (space == std::string::npos) return Error(path + ": not a table of mailkeepctl table compile", EBADMSG);
  if ((*mark)->substr(0, space) != form) {
    return Error(path + ": found a table of " + printable((*mark)->substr(0, space), 20) + ", expected one of " +
                 std::string(form));
  }
  out->size_ = parse_u64((*mark)->substr(space + 1)).value_or(0);
  return out;
}

Result<std::optional<std::string>> ConstantTable::get(std::string_view key) const {
  DBT k = input(key);
  DBT v = {};  // the library's memory, valid until the next call
  const int e = db_->get(db_, nullptr, &k, &v, 0);
  if (e == DB_NOTFOUND) return std::optional<std::string>();
  if (e != 0) return make_error("get", path_, e);
  return std::optional(text_of(v));
}

Result<std::vector<std::pair<std::string, std::string>>> ConstantTable::first(size_t most) const {
  DBC* cursor = nullptr;
  if (int e = db_->cursor(db_, nullptr, &cursor, 0); e != 0) return make_error("cursor", path_, e);
  std::vector<std::pair<std::string, std::string>> out;
  DBT k = {}, v = {};
  int e = 0;
  while (out.size() < most && (e = cursor->get(cursor, &k, &v, DB_NEXT)) == 0) {
    if (text_of(k) != kMark) out.emplace_back(text_of(k), text_of(v));
  }
  cursor->close(cursor);
  if (e != 0 && e != DB_NOTFOUND) return make_error("cursor get", path_, e);
  return out;
}

}  // namespace mailkeep::db
