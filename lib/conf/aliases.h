// aliases(5): who else gets a name's mail.
//
//   file    = *( entry / comment / blank )
//   entry   = key ":" member *( "," member )         ; key in the first column; lines that start with a blank go on
//   key     = name / address / "@" domain / "@"      ; "@domain" and "@" catch what nothing else does
//   member  = name / address / "\" name / ":include:" path
//   name    = 1*<visible byte but : , " \ # > / quoted
//   comment = "#" at the start of a line or after a blank, to the end of the line
//
// "\name" is the account itself, whatever alias has that name. An included file holds members, parted by commas or
// newlines, and may include others. "|command" and "/file" are refused: this server starts no command and writes to
// no file but mailboxes. Keys are matched without regard to case and stand in lower case here.
// Process: lookup (files), any (inline tables). Errors: "file:line:column: found X, expected Y", the first kMaxErrors.
//
// SPDX-License-Identifier: ISC
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "lib/base/result.h"
#include "lib/conf/config.h"
#include "lib/conf/parse.h"

namespace mailkeep::conf {

constexpr size_t kMaxAliases = 1'000'000;
constexpr size_t kMaxAliasMembers = 10'000;  // of one alias, includes counted
constexpr size_t kMaxAliasesFile = 64 * 1024 * 1024;

struct AliasMember {
  std::string local;        // as written, without quotes
  std::string domain;       // lower case; "" for a name alone
  bool is_account = false;  // "\name"
  bool operator==(const AliasMember&) const = default;
};
using Aliases = std::unordered_map<std::string, std::vector<AliasMember>>;

// In virtual_users the ':' behind a key may be left out, as OpenSMTPD's table(5) has it.
enum class AliasForm : uint8_t { aliases, virtual_users };
Result<Aliases> parse_aliases(std::string_view text, const std::string& file, const ReadFile& read,
                              AliasForm form = AliasForm::aliases);
// The entries of an inline table; `table` gives the position.
Result<Aliases> parse_aliases(const Table& table, const ReadFile& read);

}  // namespace mailkeep::conf
