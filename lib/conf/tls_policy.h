// Values of the administrator's TLS policies, and files of them.
//
//   value = "none" / "may" / "encrypt" / "verify" [ "match" 1*8name ] / "fingerprint" 1*8( "sha256:" 64HEXDIG )
//   file  = *( [ pattern 1*blank value ] newline )      ; "#" starts a comment line
//   pattern = domain / "*." domain
// Colons between the bytes of a fingerprint are allowed, as openssl prints them. Pure. The file is the administrator's;
// read by the parent.
// SPDX-License-Identifier: ISC
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/result.h"
#include "lib/conf/config.h"

namespace mailkeep::conf {

constexpr size_t kMaxTlsPolicyFile = 4 * 1024 * 1024;
constexpr size_t kMaxTlsRules = 20000;

extern const std::string kTlsPolicyValue;  // what is expected, for error messages

bool is_tls_pattern(std::string_view text);
std::optional<TlsRule> parse_tls_rule(std::string_view pattern, std::string_view value);
// An error begins with "path:line:column".
Result<std::vector<TlsRule>> parse_tls_rules(std::string_view text, const std::string& path);
// Of an inline table, which has been checked.
std::vector<TlsRule> tls_rules_of(const Table& table);

}  // namespace mailkeep::conf
