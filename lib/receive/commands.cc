// The commands of SMTP (RFC 5321 4.1) and LMTP (RFC 2033), one function each.
// SPDX-License-Identifier: ISC
#include <sys/socket.h>

#include "lib/base/text.h"
#include "lib/log/log.h"
#include "lib/receive/server.h"
#include "lib/receive/session.h"
#include "lib/smtp/reply.h"

namespace mailkeep::receive {

using smtp::Verb;

bool Session::offers_tls() const { return !pki_.empty() && !tls_ && !is_lmtp(); }

lookup::SessionFacts Session::facts() const {
  lookup::SessionFacts f;
  f.source = peer_.address;
  f.helo = helo_;
  f.tag = tag_;
  f.tls = tls_.has_value();
  if (login_) f.account = login_->account;
  if (transaction_) f.sender = transaction_->sender;
  return f;
}

void Session::run(const smtp::Command& c) {
  if (!may_start(c.verb)) return;
  switch (c.verb) {
    case Verb::helo: return cmd_helo(c);
    case Verb::ehlo:
    case Verb::lhlo: return cmd_ehlo(c);
    case Verb::mail: return cmd_mail(c);
    case Verb::rcpt: return cmd_rcpt(c);
    case Verb::data: return cmd_data(c);
    case Verb::rset: return cmd_rset(c);
    case Verb::noop: return reply(250, "2.0.0", "Ok");
    case Verb::vrfy: return cmd_vrfy(c);
    case Verb::help: return cmd_help(c);
    case Verb::starttls: return cmd_starttls(c);
    case Verb::quit: reply(221, "2.0.0", server_.config().hostname + " Bye"); return end();
    case Verb::auth: return cmd_auth(c);
    case Verb::bdat:
    case Verb::expn:
    case Verb::etrn:
    case Verb::xclient: return bad(502, "5.5.1", "Command not offered here");
    case Verb::unknown: return bad(500, "5.5.1", "Command not recognized: " + printable(c.name, 40));
  }
}

// Greeting and order: 503 where the sequence of commands is wrong.
bool Session::may_start(Verb verb) {
  const bool hello = verb == Verb::helo || verb == Verb::ehlo || verb == Verb::lhlo;
  if (hello && (verb == Verb::lhlo) != is_lmtp()) {
    bad(500, "5.5.1", is_lmtp() ? "This is LMTP: say LHLO" : "This is SMTP: say EHLO");
    return false;
  }
  const bool needs_hello = verb == Verb::mail || verb == Verb::rcpt || verb == Verb::data || verb == Verb::starttls;
  if (needs_hello && helo_.empty()) {
    bad(503, "5.5.1", is_lmtp() ? "Say LHLO first" : "Say EHLO or HELO first");
    return false;
  }
  if (is_submission() && !may_submit(verb)) return false;
  if ((verb == Verb::rcpt || verb == Verb::data) && !transaction_) {
    bad(503, "5.5.1", "Say MAIL first");
    return false;
  }
  return true;
}

void Session::cmd_helo(const smtp::Command& c) {
  if (!smtp::is_helo_name(c.arguments)) return bad(501, "5.5.2", "HELO wants your host name or [address]");
  reset();
  helo_ = c.arguments;
  extended_ = false;
  reply(250, "", server_.config().hostname);
}

void Session::cmd_ehlo(const smtp::Command& c) {
  if (!smtp::is_helo_name(c.arguments)) return bad(501, "5.5.2", "EHLO wants your host name or [address]");
  reset();
  helo_ = c.arguments;
  extended_ = true;
  std::vector<std::string> lines = {server_.config().hostname, "PIPELINING",
                                    "SIZE " + std::to_string(server_.config().message_size), "8BITMIME"};
  if (offers_tls()) lines.emplace_back("STARTTLS");
  if (is_submission() && tls_ && !login_) lines.push_back("AUTH " + std::string(sasl::kMechanisms));
  lines.emplace_back("ENHANCEDSTATUSCODES");
  lines.emplace_back("HELP");
  stream_->write(smtp::format_multiline_reply(250, lines));
}

void Session::cmd_mail(const smtp::Command& c) {
  if (transaction_) return bad(503, "5.5.1", "A transaction is under way; say RSET first");
  if (login_ && !login_counts()) return;
  auto args = smtp::parse_mail_args(c.arguments);
  if (!args) return bad(501, "5.5.4", "MAIL: " + printable(args.error().text, 200));
  if (is_submission() && !take_auth_param(args->others)) return bad(501, "5.5.4", "MAIL: AUTH is not xtext");
  if (!extended_ && (args->size || args->body != smtp::Body::unstated || !args->others.empty())) {
    return bad(555, "5.5.4", "Parameters need EHLO");
  }
  if (args->smtputf8 || args->body == smtp::Body::binary || !args->others.empty()) {
    const std::string what = args->smtputf8 ? "SMTPUTF8" : args->others.empty() ? "BODY=BINARYMIME" : args->others[0].keyword;
    return bad(555, "5.5.4", "Parameter not offered: " + printable(what, 60));
  }
  if (args->size && *args->size > server_.config().message_size) {
    return reply(552, "5.3.4", "Message is larger than " + std::to_string(server_.config().message_size) + " bytes");
  }
  if (!args->path.is_null && args->path.mailbox.domain.empty()) return bad(501, "5.1.7", "Sender address needs a domain");
  transaction_ = std::make_unique<Transaction>();
  transaction_->message = server_.new_message_id();
  transaction_->sender = args->path.is_null ? "" : args->path.mailbox.text();
  if (args->body == smtp::Body::eight_bit) transaction_->options.body = queue::Body::k8bit;
  if (is_submission() && !transaction_->sender.empty()) {
    ask_senders({transaction_->sender});
    return;
  }
  reply(250, "2.1.0", "Sender ok");
}

void Session::cmd_rcpt(const smtp::Command& c) {
  const auto args = smtp::parse_rcpt_args(c.arguments);
  if (!args) return reply_in_order(501, "5.5.4", "RCPT: " + printable(args.error().text, 200));
  if (!args->others.empty()) {
    return reply_in_order(555, "5.5.4", "Parameter not offered: " + printable(args->others[0].keyword, 60));
  }
  if (transaction_->recipients.size() + verdicts_.size() >= server_.config().max_recipients) {
    return reply_in_order(452, "4.5.3", "Too many recipients; send the rest in another transaction");
  }
  PendingRcpt pending;
  pending.query = next_query_++;
  pending.recipient.address = args->path.mailbox.text();
  lookup::CheckRcpt m;
  m.session = id_;
  m.query = pending.query;
  m.facts = facts();
  m.recipient = pending.recipient.address;
  verdicts_.push_back(std::move(pending));
  if (!server_.ask_lookup(m)) on_lookup_down();
}

void Session::cmd_data(const smtp::Command& c) {
  if (!c.arguments.empty()) return bad(501, "5.5.4", "DATA takes no argument");
  if (transaction_->recipients.empty()) return bad(is_lmtp() ? 503 : 554, "5.5.1", "No valid recipients");
  transaction_->header_is_done = !is_submission();
  if (transaction_->header_is_done) transaction_->content.buffer() = received_field();
  transaction_->reader.emplace(server_.config().message_size);
  reply(354, "", "Go ahead, end with <CRLF>.<CRLF>");
}

void Session::cmd_rset(const smtp::Command&) {
  if (transaction_ && transaction_->spool_asked) server_.drop_spool_file(transaction_->message);
  reset();
  reply(250, "2.0.0", "Ok");
}

void Session::cmd_vrfy(const smtp::Command& c) {
  if (c.arguments.empty()) return bad(501, "5.5.4", "VRFY wants an address");
  reply(252, "2.0.0", "Cannot verify here; send the mail and see");
}

void Session::cmd_help(const smtp::Command&) {
  stream_->write(smtp::format_multiline_reply(
      214, {"2.0.0 EHLO HELO MAIL RCPT DATA RSET NOOP QUIT VRFY HELP STARTTLS AUTH", "2.0.0 RFC 5321 says the rest"}));
}

// RFC 3207.
void Session::cmd_starttls(const smtp::Command& c) {
  if (!offers_tls()) return bad(tls_ ? 503 : 502, "5.5.1", tls_ ? "TLS is on already" : "STARTTLS is not offered here");
  if (!c.arguments.empty()) return bad(501, "5.5.4", "STARTTLS takes no argument");
  if (!server_.tls_is_up()) return reply(454, "4.7.0", "TLS is not available now");
  reply(220, "2.0.0", "Ready to start TLS");
  if (!stream_->flush() || stream_->unsent() > 0 || !hand_to_tls()) return end();
}

// The client's descriptor goes to tls; we go on with a fresh socketpair. What was pipelined in plain text stays in the old
// stream and dies with it. False: there is no TLS, and nothing more to say to the client.
bool Session::hand_to_tls() {
  int ends[2];
  if (!server_.tls_is_up() || socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) != 0) return false;
  Fd mine(ends[0]);
  tls::Serve m;
  m.session = id_;
  m.pki = pki_;
  m.plain.reset(ends[1]);
  m.client = stream_->take_fd();
  attach(std::move(mine));
  stream_->pause(true);
  waiting_ = Waiting::kTls;
  reset();
  helo_.clear();
  extended_ = false;
  return server_.ask_tls(m, id_);
}

}  // namespace mailkeep::receive
