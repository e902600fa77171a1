// Passwords against their hashes: see password.h.
// SPDX-License-Identifier: ISC
#include "smtpd/auth/password.h"

#include <crypt.h>
#include <stdlib.h>
#include <string.h>

#include <memory>
#include <string_view>

namespace mailkeep::auth {

namespace {

constexpr std::string_view kPlain = "{PLAIN}";

// The time does not tell where they differ.
bool same(std::string_view a, std::string_view b) {
  unsigned difference = a.size() == b.size() ? 0 : 1;
  for (size_t i = 0; i < b.size(); i++) {
    const char other = i < a.size() ? a[i] : '\0';
    difference |= static_cast<unsigned>(static_cast<unsigned char>(other) ^ static_cast<unsigned char>(b[i]));
  }
  return difference == 0;
}

}  // namespace

bool is_usable_hash(const std::string& hash) { return !hash.empty() && hash[0] != '*' && hash[0] != '!'; }

bool verify_password(const std::string& hash, const std::string& password) {
  if (!is_usable_hash(hash) || password.empty() || password.find('\0') != std::string::npos) return false;
  if (std::string_view(hash).substr(0, kPlain.size()) == kPlain)
    return same(password, std::string_view(hash).substr(kPlain.size()));
  void* data = nullptr;
  int size = 0;
  const char* made = crypt_ra(password.c_str(), hash.c_str(), &data, &size);
  const bool good = made != nullptr && same(made, hash);
  if (data != nullptr && size > 0) explicit_bzero(data, static_cast<size_t>(size));
  free(data);
  return good;
}

}  // namespace mailkeep::auth
