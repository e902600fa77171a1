// Passwords against their hashes: crypt(3)'s, and {PLAIN}secret for tests. Run by auth, in a child; a check takes from
// microseconds to a second, as the hash was made to.
// SPDX-License-Identifier: ISC
#pragma once

#include <string>

namespace mailkeep::auth {

// Whether anybody can log in with this hash: not empty, and not locked by '*' or '!'.
bool is_usable_hash(const std::string& hash);

// False for an unusable or unknown hash and for a password with NUL, which crypt(3) would cut.
bool verify_password(const std::string& hash, const std::string& password);

}  // namespace mailkeep::auth
