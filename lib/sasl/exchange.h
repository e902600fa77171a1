// The server's side of one AUTH exchange with a password (RFC 4954 4): PLAIN (RFC 4616) and LOGIN, which no RFC
// describes but every client has: "Username:", then "Password:", each answered in base64.
//
//   begin ──kChallenge──▶ next ──kChallenge──▶ next …      until kDone, or one of the refusals, which end the exchange
//
// Pure; run by smtpd before login; trusts nothing. Wipes what it has read of a password.
// SPDX-License-Identifier: ISC
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace mailkeep::sasl {

// The mechanisms, as EHLO lists them.
constexpr std::string_view kMechanisms = "PLAIN LOGIN";

class Exchange {
 public:
  enum class Step : uint8_t {
    kChallenge,  // show challenge(), then next()
    kDone,       // user() and password() are to be checked
    kCancelled,  // the client said "*"
    kBad,        // error() says what is wrong; never with what the client sent
    kForAnother  // asks to act as somebody else, which nobody may
  };

  // Null: no such mechanism.
  static std::unique_ptr<Exchange> make(std::string_view mechanism);
  ~Exchange();
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  // With the initial response of the AUTH command, where "=" stands for an empty one.
  Step begin(std::optional<std::string_view> initial);
  // The client's next line, without its line end.
  Step next(std::string_view line);

  const std::string& challenge() const { return challenge_; }  // base64
  const std::string& error() const { return error_; }
  const std::string& user() const { return user_; }
  const std::string& password() const { return password_; }

 private:
  enum class Mechanism : uint8_t { kPlain, kLogin };
  explicit Exchange(Mechanism mechanism) : mechanism_(mechanism) {}
  Step take(std::string_view base64);
  Step plain(std::string_view message);
  Step login(std::string_view message);
  Step bad(std::string text);

  Mechanism mechanism_;
  std::string challenge_;
  std::string error_;
  std::string user_;
  std::string password_;
};

}  // namespace mailkeep::sasl
