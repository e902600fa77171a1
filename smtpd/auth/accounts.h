// The logins of `auth table`, in memory: names and hashes; and what a login's canonical account is. Run by auth.
// SPDX-License-Identifier: ISC
#pragma once

#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "lib/base/fd.h"
#include "lib/base/result.h"

namespace mailkeep::auth {

constexpr size_t kMaxTable = 256 * 1024 * 1024;

class Accounts {
 public:
  // Reads the table from its start. An error is "path:line:column: …".
  static Result<Accounts> read(const Fd& table, const std::string& path);
  Accounts() = default;
  Accounts(Accounts&&) = default;
  Accounts& operator=(Accounts&&) = default;
  Accounts(const Accounts&) = delete;
  Accounts& operator=(const Accounts&) = delete;
  ~Accounts();  // overwrites the hashes

  bool has(const std::string& account) const { return hashes_.count(account) != 0; }
  bool is_usable(const std::string& account) const;  // there, and not locked
  // Of an account that is not usable: another's, that costs as much to check.
  const std::string& hash(const std::string& account) const;
  // Whose uid that is by the table's own field; empty: nobody's. Of two with one uid, the first.
  const std::string& of_uid(uint32_t uid) const;
  size_t size() const { return hashes_.size(); }

 private:
  std::unordered_map<std::string, std::string> hashes_;
  std::unordered_map<uint32_t, std::string> uids_;
  std::string dummy_ = "$6$mailkeep.nobody$";
};

// Lower case; without "@domain" if that is one of ours (in lower case), unless the table has the whole as an account.
// Empty if it cannot be an account's name.
std::string canonical_account(const std::string& name, const std::set<std::string>& domains, const Accounts& table);

}  // namespace mailkeep::auth
