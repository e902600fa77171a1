// Local submission: what sendmail(8) speaks over a Unix socket. auth says who is at its other end, and vouches to the
// queue for it as it does after a password. Its envelope sender must be the user's own unless the user is trusted; a
// From field that is not is marked with a Sender field, for cron and web programs write names there that no account
// has.
// SPDX-License-Identifier: ISC
#include <fcntl.h>

#include "lib/base/text.h"
#include "lib/log/log.h"
#include "lib/receive/server.h"
#include "lib/receive/session.h"
#include "lib/rfc5322/header.h"

namespace mailkeep::receive {

// The greeting waits for the answer.
void Session::ask_who() {
  auth::Identify m;
  m.session = id_;
  m.connection.reset(fcntl(stream_->fd(), F_DUPFD_CLOEXEC, 3));
  waiting_ = Waiting::kAuth;
  if (!m.connection || !server_.ask_auth(m)) on_auth_down();
}

void Session::on_identified(auth::Identified&& m) {
  if (waiting_ != Waiting::kAuth || !is_local()) return;
  waiting_ = Waiting::kNothing;
  if (!m.ok) {
    log::info("local-refused").kv("session", hex64(id_)).kv("text", m.text);
    if (m.unavailable)
      return refuse("4.3.0", server_.config().hostname + " Who you are cannot be found out now, try again later");
    reply(554, "5.7.1",
          server_.config().hostname + " " +
              (m.text.empty() ? "You may not send from here: ask the administrator" : printable(m.text, 200)));
    return end();
  }
  Login& login = login_.emplace();
  login.account = std::move(m.account);
  login.user = std::move(m.user);
  login.address = std::move(m.address);
  login.origin = std::move(m.origin);
  login.any_sender = m.any_sender;
  login.ticket_high = m.ticket_high;
  login.ticket_low = m.ticket_low;
  login.since = now_monotonic();
  greet();
  work();
}

// The header is not the user's own by what From or Sender say: Sender then says whose it is (RFC 5322 3.6.2). False:
// this is no local submission, or such mail is refused here.
bool Session::mark_sender(const std::string& text) {
  if (!is_local() || server_.config().strict_local) return false;
  Transaction& t = *transaction_;
  std::string& content = t.content.buffer();
  const std::string old = content.substr(t.header_start, t.header_size);
  const auto header = rfc5322::parse_header(old, {.fields = SIZE_MAX, .header = SIZE_MAX, .field = SIZE_MAX});
  std::string fresh = "Sender: " + login_->address + "\r\n";
  for (const auto& field : header.fields) {
    if (!equals_nocase(field.name, "Sender")) fresh += field.raw;
  }
  if (header.has_end) fresh += "\r\n";
  content.replace(t.header_start, t.header_size, fresh);
  log::info("sender-marked")
      .kv("session", hex64(id_))
      .kv("msg", hex64(t.message))
      .kv("user", login_->user)
      .kv("text", text);
  return true;
}

}  // namespace mailkeep::receive
