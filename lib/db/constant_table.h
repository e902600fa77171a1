// A table in one file that is made whole and then only read: keys to values, looked up without loading it.
//
// A new one takes the old one's place by rename: whoever has the old one open goes on with that. The first record,
// under kMark, says what it is. Pages have checksums. Made by mailkeepctl table compile; read by lookup. The content is
// not trusted beyond that: a damaged page is an error, never an answer.
// SPDX-License-Identifier: ISC
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/base/result.h"

struct __db;
struct __db_env;

namespace mailkeep::db {

class ConstantTable {
 public:
  // `form` names how the values are to be read; open() refuses another one. Keys may come once only. Durable on return.
  static Status build(const std::string& path, std::string_view form,
                      const std::vector<std::pair<std::string, std::string>>& entries);
  static Result<std::unique_ptr<ConstantTable>> open(const std::string& path, std::string_view form);
  ~ConstantTable();
  ConstantTable(const ConstantTable&) = delete;

  Result<std::optional<std::string>> get(std::string_view key) const;
  uint64_t size() const { return size_; }
  // Up to `most` keys with their values, from the first on.
  Result<std::vector<std::pair<std::string, std::string>>> first(size_t most) const;

 private:
  ConstantTable() = default;
  Status attach(const std::string& path, bool make);
  std::string path_;
  __db_env* env_ = nullptr;
  __db* db_ = nullptr;
  uint64_t size_ = 0;
};

}  // namespace mailkeep::db
