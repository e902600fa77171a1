// Credentials for smart hosts, as in OpenSMTPD's table(5): a label, and the user and password that go with it.
//
//   file  = *( [ label 1*blank user ":" password ] newline )    ; "#" starts a comment line
// The password is all that follows the first colon. Pure. The file is the administrator's; read by the parent.
// SPDX-License-Identifier: ISC
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "lib/base/result.h"
#include "lib/conf/config.h"

namespace mailkeep::conf {

constexpr size_t kMaxCredentialsFile = 1024 * 1024;

struct Credential {
  std::string user;
  std::string password;
};

// "user:password", neither part empty, no control byte.
bool is_credential(std::string_view text);
// `text` must be one.
Credential split_credential(std::string_view text);

// By label. An error begins with "path:line:column".
Result<std::map<std::string, Credential>> parse_credentials(std::string_view text, const std::string& path);
// Of an inline table.
std::map<std::string, Credential> credentials_of(const Table& table);

}  // namespace mailkeep::conf
