// aliases(5) and the accounts table: any text is a table within its limits, or errors with a place.
// SPDX-License-Identifier: ISC
#include <cstdlib>

#include "lib/base/limits.h"
#include "lib/conf/accounts.h"
#include "lib/conf/aliases.h"

using namespace mailkeep;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  const auto read = [&](const std::string&) -> Result<std::string> { return text.substr(0, 200); };
  if (const auto aliases = conf::parse_aliases(text, "f", read)) {
    for (const auto& [key, members] : *aliases) {
      if (key.empty() || members.size() > conf::kMaxAliasMembers) std::abort();
      for (const auto& m : members) {
        if (m.local.empty() || m.local.size() > kMaxLocalPart || m.local[0] == '|') std::abort();
        if (m.domain.empty() && m.local[0] == '/') std::abort();
      }
    }
  } else if (aliases.error().text.find(": found ") == std::string::npos) {
    std::abort();
  }
  if (const auto accounts = conf::parse_accounts(text, "f", true)) {
    for (const auto& account : *accounts) {
      if (!conf::is_account_name(account.name) || account.uid == 0U) std::abort();
    }
  }
  return 0;
}
