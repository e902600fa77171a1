// What is different for a message that an account submits (RFC 6409): it needs a login, its senders must be the
// account's, and its header is completed before it goes on.
// SPDX-License-Identifier: ISC
#include <bsd/stdlib.h>

#include "lib/base/text.h"
#include "lib/log/log.h"
#include "lib/receive/server.h"
#include "lib/receive/session.h"
#include "lib/receive/submission_header.h"

namespace mailkeep::receive {

// Whether that command may be used before the login.
bool Session::may_submit(smtp::Verb verb) {
  using smtp::Verb;
  const bool wants_login = verb == Verb::mail || verb == Verb::rcpt || verb == Verb::data || verb == Verb::vrfy;
  if (!wants_login || login_) return true;
  bad(530, "5.7.0", tls_ ? "Log in first: say AUTH" : "Encryption is needed first: say STARTTLS");
  return false;
}

// The queue knows a ticket for a time, and only that queue. A new connection is the client's way to a new one.
bool Session::login_counts() {
  if (!login_->is_lost && now_monotonic() - login_->since < Micros(auth::kLoginLife)) return true;
  log::info("login-over").kv("session", hex64(id_)).kv("account", login_->account);
  refuse("4.7.0", server_.config().hostname + " Your login is over: connect and log in again");
  return false;
}

// Of MAIL, or of a whole header. on_sender_verdict goes on, perhaps at once.
void Session::ask_senders(std::vector<std::string> addresses) {
  if (login_->any_sender && !server_.config().rewrites_senders) {
    waiting_ = Waiting::kSender;
    lookup::SenderVerdict yes;
    yes.query = next_query_++;
    yes.code = 250;
    return on_sender_verdict(std::move(yes));
  }
  lookup::CheckSender m;
  m.session = id_;
  m.query = next_query_++;
  m.account = login_->account;
  m.user = who();
  m.any_sender = login_->any_sender;
  m.addresses = transaction_->authors = std::move(addresses);
  waiting_ = Waiting::kSender;
  if (!server_.ask_lookup(m)) on_lookup_down();
}

void Session::on_sender_verdict(lookup::SenderVerdict&& m) {
  if (waiting_ != Waiting::kSender || !transaction_ || m.query + 1 != next_query_) return;
  waiting_ = Waiting::kNothing;
  const bool in_header = transaction_->has_content();
  if (m.code == 250 && !m.addresses.empty() && m.addresses.size() == transaction_->authors.size())
    rewrite_senders(m.addresses);
  if (m.code != 250) {
    log::info("sender-refused")
        .kv("session", hex64(id_))
        .kv("msg", hex64(transaction_->message))
        .kv("account", login_->account)
        .kv("user", who())
        .kv("in", in_header ? "header" : "envelope")
        .kv("code", m.code)
        .kv("text", m.text);
    if (!in_header) note_refusal(queue::Judge::kLookup, transaction_->sender, {}, {m.code, m.enhanced, m.text});
  }
  if (in_header) {
    if (m.code != 250 && (m.code < 500 || !mark_sender(m.text))) set_trouble(m.code, m.enhanced, m.text);
    go_on_with_content();
  } else if (m.code == 250) {
    reply(250, "2.1.0", "Sender ok");
  } else if (reset(); m.code >= 500) {
    bad(m.code, m.enhanced, m.text);
  } else {
    reply(m.code, m.enhanced, m.text);
  }
  work();
}

// Of the envelope, or of the header that is in memory.
void Session::rewrite_senders(const std::vector<std::string>& as) {
  Transaction& t = *transaction_;
  if (!t.has_content()) {
    t.sender = as.at(0);
    return;
  }
  std::string& content = t.content.buffer();
  const std::string fresh =
      replace_authors(std::string_view(content).substr(t.header_start, t.header_size), t.authors, as);
  content.replace(t.header_start, t.header_size, fresh);
  t.header_size = fresh.size();
}

// The header, as soon as it is whole. False: lookup has been asked about its authors, and on_sender_verdict goes on.
bool Session::take_header() {
  Transaction& t = *transaction_;
  std::string& content = t.content.buffer();
  size_t end = find_header_end(content, t.header_seen);
  if (end == std::string::npos && is_at_end()) end = content.size();
  if (std::min(end, content.size()) > kMaxSubmittedHeader) {
    set_trouble(
        552, "5.3.4",
        "The header of the message is larger than " + std::to_string(kMaxSubmittedHeader) + " bytes: shorten it");
    return true;
  }
  if (end == std::string::npos) {
    t.header_seen = content.size() < 3 ? 0 : content.size() - 3;
    return true;
  }
  t.header_is_done = true;
  SubmissionFacts facts;
  const size_t at = t.sender.rfind('@');
  facts.domain = at == std::string::npos ? server_.config().hostname : t.sender.substr(at + 1);
  facts.message = t.message;
  arc4random_buf(&facts.random, sizeof facts.random);
  facts.now = now_unix();
  auto header = complete_header(std::string_view(content).substr(0, end), facts);
  if (!header) {
    set_trouble(550, "5.6.0", header.error().text);
    return true;
  }
  const std::string received = received_field();
  t.header_start = received.size();
  t.header_size = header->text.size();
  content.replace(0, end, received + header->text);
  ask_senders(std::move(header->authors));
  return false;
}

}  // namespace mailkeep::receive
