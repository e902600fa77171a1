// The IMAP dialog before login (RFC 3501 6.1, 6.2; LITERAL+ 7888, SASL-IR 4959, ID 2971): bytes of the client in,
// answers out, and what the session must do.
//
//   talking ──STARTTLS──▶ kStarttls: the connection goes to tls, a new dialog begins
//      ├──LOGIN, AUTHENTICATE PLAIN──▶ kLogin: caller checks; on success the dialog is over, else denied(), unavailable()
//      └──LOGOUT, too many errors──▶ kEnd
//
// Pure: no sockets, no clocks. Run by imapd; trusts nothing.
// SPDX-License-Identifier: ISC
#pragma once

#include <string>
#include <string_view>

#include "lib/imap/command.h"
#include "lib/imap/reader.h"

namespace mailkeep::imapd {

constexpr size_t kMaxLineBeforeLogin = 8 * 1024;  // also of a literal
constexpr size_t kMaxCommandBeforeLogin = 16 * 1024;
constexpr unsigned kMaxFailedLogins = 5;
constexpr unsigned kMaxBadCommands = 20;  // then it is no IMAP client

class Dialog {
 public:
  struct Policy {
    bool tls = false;
    bool starttls = false;         // the listener has a pki
    bool plaintext_login = false;  // login without TLS: the listener says so and the client is local
  };
  enum class Act { kMore, kStarttls, kLogin, kEnd };

  explicit Dialog(Policy policy);
  ~Dialog();
  Dialog(const Dialog&) = delete;
  Dialog& operator=(const Dialog&) = delete;

  std::string greeting(std::string_view hostname) const;

  // Takes from the front of `input` and appends answers to `out`, up to the first thing that is the caller's to do.
  // After kLogin: not again before denied() or unavailable().
  Act next(std::string_view& input, std::string& out);

  // Of the last kLogin and kStarttls.
  const std::string& tag() const { return tag_; }
  const std::string& user() const { return user_; }
  const std::string& password() const { return password_; }
  void forget_password();

  // The login's bad end. False: it was one too many, and `out` says goodbye.
  bool denied(std::string& out);
  void unavailable(std::string& out, std::string_view text);
  // STARTTLS cannot be had.
  void no_tls(std::string& out);

 private:
  bool may_login() const { return policy_.tls || policy_.plaintext_login; }
  std::string capability() const;
  Act command(std::string_view text, std::string& out);
  Act on(const imap::Starttls& c, std::string& out);
  Act on(const imap::Login& c, std::string& out);
  Act on(const imap::Authenticate& c, std::string& out);
  Act sasl_line(std::string_view line, std::string& out);
  Act plain(std::string_view base64, std::string& out);
  Act login(std::string user, std::string password, std::string& out);
  Act bad(std::string& out, std::string_view tag, std::string_view text);
  void answer(std::string& out, std::string_view text);  // with tag_

  Policy policy_;
  imap::CommandReader reader_;
  std::string tag_;
  std::string user_;
  std::string password_;
  bool in_sasl_ = false;
  unsigned failed_logins_ = 0;
  unsigned bad_commands_ = 0;
};

}  // namespace mailkeep::imapd
