// SASL PLAIN: see plain.h.
// SPDX-License-Identifier: ISC
#include "lib/sasl/plain.h"

#include <string.h>

#include "lib/text/base64.h"

namespace mailkeep::sasl {

Result<Plain> parse_plain(std::string_view message) {
  const size_t first = message.find('\0');
  if (first == std::string_view::npos) return Error("PLAIN: expected authzid NUL authcid NUL password");
  const size_t second = message.find('\0', first + 1);
  if (second == std::string_view::npos) return Error("PLAIN: expected a second NUL");
  const std::string_view authzid = message.substr(0, first);
  const std::string_view authcid = message.substr(first + 1, second - first - 1);
  const std::string_view password = message.substr(second + 1);
  if (password.find('\0') != std::string_view::npos) return Error("PLAIN: NUL in the password");
  if (authcid.empty()) return Error("PLAIN: empty user name");
  if (password.empty()) return Error("PLAIN: empty password");
  if (authzid.size() > kMaxAddress || authcid.size() > kMaxAddress) return Error("PLAIN: user name too long");
  if (password.size() > kMaxPassword) return Error("PLAIN: password too long");
  return Plain{std::string(authzid), std::string(authcid), std::string(password)};
}

Result<Plain> decode_plain(std::string_view base64) {
  if (base64.size() > kMaxPlain) return Error("PLAIN: message too long");
  if (base64 == "=") return parse_plain({});
  auto message = text::base64_decode(base64);
  if (!message) return Error("PLAIN: not base64");
  auto plain = parse_plain(*message);
  wipe(*message);
  return plain;
}

void wipe(std::string& secret) {
  explicit_bzero(secret.data(), secret.size());
  secret.clear();
}

}  // namespace mailkeep::sasl
