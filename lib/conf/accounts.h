// The accounts table: passwd(5) fields, one account a line: name:hash:uid:gid:gecos:home:shell
//
// Only the name must be there; what follows may be empty or missing ("name:hash" is a line). An empty uid means one
// from uid-range, given for good. '#' starts a comment line. Read by the parent (names and uids), auth (hashes) and
// lookup (names, sent by the parent). Errors: "file:line:column: found X, expected Y".
//
// SPDX-License-Identifier: ISC
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/result.h"

namespace mailkeep::conf {

constexpr size_t kMaxAccounts = 1'000'000;
constexpr size_t kMaxAccountsFile = 256 * 1024 * 1024;

struct Account {
  std::string name;  // lower case; may be "user@domain"
  std::string hash;  // crypt(3)'s, or {PLAIN}secret; empty or starting with '*' or '!': no login
  std::optional<uint32_t> uid;
  std::optional<uint32_t> gid;
  std::string gecos;
  std::string home;  // "" or an absolute path
};

// Whether `name` can be an account: 1 to kMaxAccount bytes of visible ASCII or above 127, none of / : , ; " < > \ ,
// not starting with '.' or '-': it becomes a directory's name.
bool is_account_name(std::string_view name);

// With `hashes` false, the second field is skipped and never kept. No two accounts of one name, none with uid or gid 0.
// The Error's text holds the first kMaxErrors errors, one a line.
Result<std::vector<Account>> parse_accounts(std::string_view text, const std::string& file, bool hashes);

}  // namespace mailkeep::conf
