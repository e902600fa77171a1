// The logins of `auth table`: see accounts.h.
// SPDX-License-Identifier: ISC
#include "smtpd/auth/accounts.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/limits.h"
#include "lib/base/text.h"
#include "lib/conf/accounts.h"
#include "smtpd/auth/password.h"

namespace mailkeep::auth {

namespace {

Result<std::string> read_all(const Fd& fd) {
  struct stat st {};
  if (fstat(fd.get(), &st) != 0) return errno_error("stat");
  if (static_cast<uint64_t>(st.st_size) > kMaxTable) return Error("over " + std::to_string(kMaxTable) + " bytes");
  // One byte more shows whether the file has grown meanwhile.
  std::string out(static_cast<size_t>(st.st_size) + 1, '\0');
  size_t have = 0;
  while (have < out.size()) {
    const ssize_t n = pread(fd.get(), out.data() + have, out.size() - have, static_cast<off_t>(have));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno_error("read");
    if (n == 0) break;
    have += static_cast<size_t>(n);
  }
  if (have == out.size()) return Error("changed while it was read: reload again");
  out.resize(have);
  return out;
}

}  // namespace

Result<Accounts> Accounts::read(const Fd& table, const std::string& path) {
  auto text = read_all(table);
  if (!text) return Error(path + ": " + text.error().text);
  auto rows = conf::parse_accounts(*text, path, true);
  explicit_bzero(text->data(), text->size());
  if (!rows) return rows.error();
  Accounts out;
  bool found = false;
  for (auto& row : *rows) {
    if (!found && is_usable_hash(row.hash)) {
      out.dummy_ = row.hash;
      found = true;
    }
    if (row.uid) out.uids_.emplace(*row.uid, row.name);
    out.hashes_[row.name] = std::move(row.hash);
  }
  return out;
}

Accounts::~Accounts() {
  for (auto& [name, hash] : hashes_) explicit_bzero(hash.data(), hash.size());
}

bool Accounts::is_usable(const std::string& account) const {
  const auto it = hashes_.find(account);
  return it != hashes_.end() && is_usable_hash(it->second);
}

const std::string& Accounts::of_uid(uint32_t uid) const {
  static const std::string kNobody;
  const auto it = uids_.find(uid);
  return it == uids_.end() ? kNobody : it->second;
}

const std::string& Accounts::hash(const std::string& account) const {
  return is_usable(account) ? hashes_.find(account)->second : dummy_;
}

std::string canonical_account(const std::string& name, const std::set<std::string>& domains, const Accounts& table) {
  std::string account = lower(name);
  if (!table.has(account)) {
    const size_t at = account.rfind('@');
    if (at != std::string::npos && domains.count(account.substr(at + 1)) != 0) account.resize(at);
  }
  if (account.size() > kMaxAccount || !conf::is_account_name(account)) return {};
  return account;
}

}  // namespace mailkeep::auth
