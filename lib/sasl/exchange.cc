// SASL exchanges: see exchange.h.
// SPDX-License-Identifier: ISC
#include "lib/sasl/exchange.h"

#include "lib/base/text.h"
#include "lib/sasl/plain.h"
#include "lib/text/base64.h"

namespace mailkeep::sasl {

std::unique_ptr<Exchange> Exchange::make(std::string_view mechanism) {
  if (equals_nocase(mechanism, "PLAIN")) return std::unique_ptr<Exchange>(new Exchange(Mechanism::kPlain));
  if (equals_nocase(mechanism, "LOGIN")) return std::unique_ptr<Exchange>(new Exchange(Mechanism::kLogin));
  return nullptr;
}

Exchange::~Exchange() { wipe(password_); }

Exchange::Step Exchange::bad(std::string text) {
  error_ = std::move(text);
  return Step::kBad;
}

Exchange::Step Exchange::begin(std::optional<std::string_view> initial) {
  if (initial) return take(*initial == "=" ? std::string_view() : *initial);
  if (mechanism_ == Mechanism::kLogin) challenge_ = text::base64_encode("Username:");
  return Step::kChallenge;
}

Exchange::Step Exchange::next(std::string_view line) { return line == "*" ? Step::kCancelled : take(line); }

Exchange::Step Exchange::take(std::string_view base64) {
  if (base64.size() > kMaxPlain) return bad("Response too long");
  auto message = text::base64_decode(base64);
  if (!message) return bad("Response is not base64");
  const Step step = mechanism_ == Mechanism::kPlain ? plain(*message) : login(*message);
  wipe(*message);
  return step;
}

Exchange::Step Exchange::plain(std::string_view message) {
  auto parsed = parse_plain(message);
  if (!parsed) return bad(parsed.error().text);
  user_ = std::move(parsed->authcid);
  password_ = parsed->password;
  wipe(parsed->password);
  return parsed->authzid.empty() || parsed->authzid == user_ ? Step::kDone : Step::kForAnother;
}

// The name, then the password.
Exchange::Step Exchange::login(std::string_view message) {
  const bool is_name = user_.empty();
  if (message.empty()) return bad(is_name ? "LOGIN: empty user name" : "LOGIN: empty password");
  if (message.find('\0') != std::string_view::npos) return bad("LOGIN: NUL in the response");
  if (message.size() > (is_name ? kMaxAddress : kMaxPassword)) return bad("LOGIN: response too long");
  (is_name ? user_ : password_) = message;
  if (!is_name) return Step::kDone;
  challenge_ = text::base64_encode("Password:");
  return Step::kChallenge;
}

}  // namespace mailkeep::sasl
