// The accounts table, line by line.
// SPDX-License-Identifier: ISC
#include "lib/conf/accounts.h"

#include <algorithm>
#include <array>
#include <unordered_set>

#include "lib/base/limits.h"
#include "lib/base/text.h"
#include "lib/conf/names.h"
#include "lib/conf/parse.h"
#include "lib/conf/parser.h"

namespace mailkeep::conf {
namespace {

constexpr size_t kFields = 7;  // passwd(5)
constexpr uint64_t kMaxUid = 4'294'967'293;

struct Line {
  const std::string& file;
  uint32_t number;
  std::string_view text;
  std::array<std::string_view, kFields> fields;

  uint32_t column(std::string_view field) const {
    return field.data() == nullptr ? 1 : static_cast<uint32_t>(field.data() - text.data()) + 1;
  }
  Error error(std::string_view field, const std::string& found, const std::string& expected) const {
    return Error(complaint({file, number, column(field)}, found, expected));
  }
};

Result<std::optional<uint32_t>> parse_id(const Line& line, std::string_view field, const char* what) {
  if (field.empty()) return std::optional<uint32_t>();
  const auto n = parse_u64(field, kMaxUid);
  if (!n || *n == 0)
    return line.error(field, "'" + printable(field, 60) + "'", std::string("a ") + what + " from 1 on, or nothing");
  return std::optional<uint32_t>(static_cast<uint32_t>(*n));
}

Result<Account> parse_line(Line& line, bool hashes) {
  const auto fields = split(line.text, ':');
  if (fields.size() > kFields) {
    return line.error(fields[kFields], "field " + std::to_string(kFields + 1),
                      "at most 7: name:hash:uid:gid:gecos:home:shell");
  }
  std::copy(fields.begin(), fields.end(), line.fields.begin());
  const auto& [name, hash, uid, gid, gecos, home, shell] = line.fields;
  if (!is_account_name(name)) return line.error(name, "'" + printable(name, 60) + "'", "an account's name");
  if (hash.size() > kMaxPassword)
    return line.error(hash, "a hash of " + std::to_string(hash.size()) + " bytes",
                      "at most " + std::to_string(kMaxPassword));
  if (!home.empty() && !is_absolute_path(home))
    return line.error(home, "'" + printable(home, 60) + "'", "an absolute path, or nothing");
  auto uid_number = parse_id(line, uid, "uid");
  if (!uid_number) return uid_number.error();
  auto gid_number = parse_id(line, gid, "gid");
  if (!gid_number) return gid_number.error();
  return Account{lower(name),      hashes ? std::string(hash) : "", *uid_number, *gid_number, std::string(gecos),
                 std::string(home)};
}

}  // namespace

bool is_account_name(std::string_view name) {
  if (name.empty() || name.size() > kMaxAccount || name[0] == '.' || name[0] == '-') return false;
  return std::all_of(name.begin(), name.end(), [](char c) {
    return static_cast<unsigned char>(c) > ' ' && c != '\x7f' &&
           std::string_view("/:,;\"<>\\").find(c) == std::string_view::npos;
  });
}

Result<std::vector<Account>> parse_accounts(std::string_view text, const std::string& file, bool hashes) {
  std::vector<Account> out;
  std::unordered_set<std::string> names;
  std::string errors;
  size_t error_count = 0;
  uint32_t number = 0;
  while (!text.empty() && error_count < kMaxErrors) {
    const size_t end = std::min(text.find('\n'), text.size());
    std::string_view raw = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    number++;
    if (!raw.empty() && raw.back() == '\r') raw.remove_suffix(1);
    if (trim(raw).empty() || raw[0] == '#') continue;
    Line line{file, number, raw, {}};
    auto account = parse_line(line, hashes);
    if (account && !names.insert(account->name).second) {
      account = line.error(raw, "'" + account->name + "' a second time", "each account once");
    }
    if (account && out.size() >= kMaxAccounts)
      account = line.error(raw, "one account more", "at most " + std::to_string(kMaxAccounts));
    if (account) {
      out.push_back(std::move(*account));
    } else {
      errors += (error_count++ == 0 ? "" : "\n") + account.error().text;
    }
  }
  if (error_count > 0) return Error(errors);
  return out;
}

}  // namespace mailkeep::conf
