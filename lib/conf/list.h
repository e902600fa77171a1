// Tables in files that hold values, or keys and values: one a line, the value after blanks; '#' starts a comment line.
// And what mailkeepctl table compile makes of such a file, or of one of aliases.
// Processes: lookup; mailkeepctl. Errors: "file:line:column: found X, expected Y".
// SPDX-License-Identifier: ISC
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/base/result.h"
#include "lib/conf/aliases.h"
#include "lib/conf/config.h"
#include "lib/conf/network.h"
#include "lib/conf/parse.h"

namespace mailkeep::conf {

constexpr size_t kMaxTableFile = 64 * 1024 * 1024;
constexpr size_t kMaxTableKeys = 1'000'000;
constexpr size_t kMaxKey = 512;

Result<std::vector<TableEntry>> parse_list(std::string_view text, const std::string& file);

// What a compiled table's values are.
constexpr std::string_view kListForm = "list";      // the text behind the key
constexpr std::string_view kAliasForm = "aliases";  // members, as aliases(5) has them

struct Compiled {
  std::string_view form = kListForm;
  std::vector<std::pair<std::string, std::string>> entries;  // keys in lower case, networks without bits of hosts
};
// Aliases where the first key has a ':' behind it.
Result<Compiled> compile_table(std::string_view text, const std::string& file, const ReadFile& read);

// An alias's members as text, and back.
std::string members_text(const std::vector<AliasMember>& members);
Result<std::vector<AliasMember>> parse_members(std::string_view text);

// A network as a compiled table has it for a key: "10.0.0.0/8", "2001:db8::/32"; a whole address without its length.
std::string network_key(const Network& network);

}  // namespace mailkeep::conf
