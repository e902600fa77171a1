// AUTH (RFC 4954): a submission's login. One success a session; auth checks, and vouches to the queue for what it gives
// us.
// SPDX-License-Identifier: ISC
#include "lib/base/text.h"
#include "lib/log/log.h"
#include "lib/receive/server.h"
#include "lib/receive/session.h"
#include "lib/sasl/plain.h"

namespace mailkeep::receive {

namespace {
constexpr unsigned kMaxFailedLogins = 3;  // auth lets each wait; guessing on takes new connections
constexpr std::string_view kNoLogins = "No logins now, try again later";
}  // namespace

// A transaction wants a login, so AUTH within one (RFC 4954 4: 503) is AUTH after a login.
void Session::cmd_auth(const smtp::Command& c) {
  if (!is_submission()) return bad(502, "5.5.1", "AUTH is not offered here: log in on the port for submission");
  if (!tls_) return bad(538, "5.7.11", "Encryption is needed first: say STARTTLS");
  if (!extended_) return bad(503, "5.5.1", "Say EHLO first");
  if (login_) return bad(503, "5.5.1", "You are logged in already: go on with MAIL");
  const auto words = split(c.arguments, ' ');
  if (words.size() > 2 || words[0].empty()) return bad(501, "5.5.4", "AUTH wants a mechanism and at most one response");
  exchange_ = sasl::Exchange::make(words[0]);
  if (!exchange_)
    return bad(504, "5.5.4", "No such mechanism here, say EHLO for those there are: " + printable(words[0], 40));
  take_step(exchange_->begin(words.size() == 2 ? std::optional(words[1]) : std::nullopt));
}

void Session::take_step(sasl::Exchange::Step step) {
  using Step = sasl::Exchange::Step;
  if (step == Step::kChallenge) return reply(334, "", exchange_->challenge());
  if (step == Step::kDone) return ask_auth();
  const auto over = std::move(exchange_);
  if (step == Step::kCancelled) return bad(501, "5.7.0", "Authentication cancelled: say AUTH to begin anew");
  if (step == Step::kBad) return bad(501, "5.5.2", over->error());
  log::info("auth-failed")
      .kv("session", hex64(id_))
      .kv("account", over->user())
      .kv("src", peer_.address)
      .kv("service", "submission")
      .kv("text", "would act as another");
  denied();
}

void Session::ask_auth() {
  const auto over = std::move(exchange_);
  auth::Check m;
  m.session = id_;
  m.name = over->user();
  m.password = over->password();
  m.source = peer_.address;
  m.service = "submission";
  const bool asked = server_.ask_auth(m);
  sasl::wipe(m.password);
  if (!asked) return reply(454, "4.7.0", kNoLogins);
  waiting_ = Waiting::kAuth;
}

void Session::denied() {
  reply(535, "5.7.8", "Wrong user name or password: check both");
  if (++failed_logins_ < kMaxFailedLogins) return;
  log::warn("too-many-failed-logins").kv("session", hex64(id_)).kv("src", peer_.address);
  refuse("4.7.0", server_.config().hostname + " Too many failed logins, closing the connection: check the password");
}

void Session::on_checked(auth::Checked&& m) {
  if (waiting_ != Waiting::kAuth) return;
  waiting_ = Waiting::kNothing;
  if (m.unavailable) {
    reply(454, "4.7.0", kNoLogins);
  } else if (!m.ok) {
    denied();
  } else {
    Login& login = login_.emplace();
    login.account = m.account;
    login.ticket_high = m.ticket_high;
    login.ticket_low = m.ticket_low;
    login.since = now_monotonic();
    reply(235, "2.7.0", "Logged in");
  }
  work();
}

void Session::on_auth_down() {
  if (waiting_ != Waiting::kAuth) return;
  if (is_local()) {
    auth::Identified unknown;
    unknown.unavailable = true;
    return on_identified(std::move(unknown));
  }
  auth::Checked m;
  m.unavailable = true;
  on_checked(std::move(m));
}

}  // namespace mailkeep::receive
