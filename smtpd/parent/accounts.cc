// Accounts and their uids: see accounts.h.
// SPDX-License-Identifier: ISC
#include "smtpd/parent/accounts.h"

#include <fcntl.h>
#include <pwd.h>
#include <unistd.h>

#include <set>
#include <vector>

#include "lib/base/text.h"
#include "lib/conf/accounts.h"
#include "smtpd/parent/files.h"

namespace mailkeep::parent {

namespace {

constexpr size_t kMaxAccountsFile = 256 * 1024 * 1024;
constexpr size_t kMaxUidsFile = 64 * 1024 * 1024;

// What state/uids says: uids that were given once belong to their names for ever.
Result<std::unordered_map<std::string, uid_t>> read_given(const std::string& path) {
  std::unordered_map<std::string, uid_t> given;
  if (access(path.c_str(), F_OK) != 0 && errno == ENOENT) return given;
  auto text = read_file(path, kMaxUidsFile);
  if (!text) return text.error();
  size_t line_number = 0;
  for (const auto line : split(*text, '\n')) {
    line_number++;
    if (line.empty()) continue;
    const size_t space = line.rfind(' ');
    const auto uid = space == std::string_view::npos ? std::nullopt : parse_u64(line.substr(space + 1), UINT32_MAX - 1);
    if (!uid || *uid == 0)
      return Error(path + ":" + std::to_string(line_number) + ":1: found a damaged line, expected NAME UID");
    given[std::string(line.substr(0, space))] = static_cast<uid_t>(*uid);
  }
  return given;
}

Status append_given(const std::string& path, const std::string& lines) {
  const Fd fd(::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd) return errno_error("open " + path);
  if (auto done = write_all(fd.get(), lines); !done) return done;
  if (fsync(fd.get()) != 0) return errno_error("fsync " + path);
  return {};
}

}  // namespace

Result<Accounts> Accounts::load(const conf::Config& config, const std::string& uids_path) {
  Accounts out;
  out.system_ = config.auth.kind == conf::AuthKind::system;
  if (config.auth.kind != conf::AuthKind::table) return out;
  const conf::Table* table = config.table(config.auth.table);
  if (table == nullptr || table->kind != conf::TableKind::file) {
    return Error(conf::to_string(config.auth.position) + ": found no file table \"" + config.auth.table +
                 "\", expected table " + config.auth.table + " file:PATH");
  }
  auto text = read_file(table->path, kMaxAccountsFile);
  if (!text) return text.error();
  auto accounts = conf::parse_accounts(*text, table->path, false);
  if (!accounts) return accounts.error();
  auto given = read_given(uids_path);
  if (!given) return given.error();

  std::set<uid_t> taken;
  for (const auto& [name, uid] : *given) taken.insert(uid);
  for (const auto& a : *accounts) {
    if (a.uid) taken.insert(*a.uid);
  }
  std::string new_lines;
  uint64_t next = config.uid_range ? config.uid_range->first : 1;
  const uint64_t last = config.uid_range ? config.uid_range->last : 0;
  for (const auto& a : *accounts) {
    uid_t uid = a.uid.value_or(0);
    if (uid == 0) {
      auto known = given->find(a.name);
      if (known != given->end()) {
        uid = known->second;
      } else {
        while (next <= last && taken.count(static_cast<uid_t>(next)) != 0) next++;
        if (next > last) {
          return Error(table->path + ": found account " + a.name +
                       " without a uid, expected one, or room in uid-range");
        }
        uid = static_cast<uid_t>(next);
        taken.insert(uid);
        new_lines += a.name + " " + std::to_string(uid) + "\n";
      }
    }
    out.table_[a.name] = {uid, a.gid.value_or(uid), a.home};
  }
  if (!new_lines.empty()) {
    if (auto done = append_given(uids_path, new_lines); !done) return done.error();
  }
  return out;
}

std::optional<AccountIds> Accounts::find(const std::string& name) const {
  if (!system_) {
    const auto it = table_.find(name);
    if (it == table_.end()) return std::nullopt;
    return it->second;
  }
  if (!conf::is_account_name(name)) return std::nullopt;
  struct passwd pw {};
  struct passwd* found = nullptr;
  std::vector<char> buffer(16384);
  if (getpwnam_r(name.c_str(), &pw, buffer.data(), buffer.size(), &found) != 0 || found == nullptr) return std::nullopt;
  if (pw.pw_uid == 0 || pw.pw_gid == 0) return std::nullopt;  // mail for root is for an alias to send on
  return AccountIds{pw.pw_uid, pw.pw_gid, pw.pw_dir == nullptr ? "" : pw.pw_dir};
}

std::string user_with_uid(uid_t uid) {
  struct passwd pw {};
  struct passwd* found = nullptr;
  std::vector<char> buffer(16384);
  if (getpwuid_r(uid, &pw, buffer.data(), buffer.size(), &found) != 0 || found == nullptr) return {};
  const std::string name = pw.pw_name;
  return conf::is_account_name(name) ? name : "";
}

Result<Fd> Accounts::as_memory_file() const {
  std::string text;
  for (const auto& [name, ids] : table_) {
    text += name + "\t" + std::to_string(ids.uid) + "\t" + std::to_string(ids.gid) + "\n";
  }
  return memory_file("accounts", text);
}

}  // namespace mailkeep::parent
