// The accounts that the parent may become: name → uid and gid. From the accounts table (without its hashes), or
// from the system. An account without a uid gets one from uid-range, for good (state/uids).
// SPDX-License-Identifier: ISC
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <unordered_map>

#include "lib/base/fd.h"
#include "lib/base/result.h"
#include "lib/conf/config.h"

namespace mailkeep::parent {

struct AccountIds {
  uid_t uid = 0;
  gid_t gid = 0;
  std::string home = {};  // may be empty
};

class Accounts {
 public:
  // `uids_path`: where given uids are kept. Errors: the table's, with file:line:column, or the disk's.
  static Result<Accounts> load(const conf::Config& config, const std::string& uids_path);

  // Nothing: no such account (or it is root). Asks the system's name service where accounts are the system's.
  std::optional<AccountIds> find(const std::string& name) const;
  bool is_system() const { return system_; }
  // A memory file for lookup: lines "name\tuid\tgid".
  Result<Fd> as_memory_file() const;

 private:
  bool system_ = false;
  std::unordered_map<std::string, AccountIds> table_;
};

// The system user of that number, by the name service; empty: none, or one whose name no address can have.
std::string user_with_uid(uid_t uid);

}  // namespace mailkeep::parent
