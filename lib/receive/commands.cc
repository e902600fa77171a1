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

bool Session::offers_tls() const { return !pki_.empty() && !tls_ && !is_lmtp() && !is_local(); }

lookup::SessionFacts Session::facts() const {
  lookup::SessionFacts f;
  f.source = peer_.address;
  f.name_state = name_state_;
  f.name = client_name_;
  f.helo = client_helo();
  f.tag = tag_;
  f.tls = tls_text();
  if (login_) f.account = login_->account;
  f.user = who();
  if (transaction_) f.sender = transaction_->sender;
  return f;
}

Terms Session::terms() const {
  return {.config = server_.config(),
          .is_lmtp = is_lmtp(),
          .is_submission = is_submission(),
          .has_tls = tls_.has_value(),
          .offers_tls = offers_tls(),
          .logged_in = login_.has_value(),
          .offers_xclient = peer_.may_xclient,
          .now = now_unix()};
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
    case Verb::bdat: return cmd_bdat(c);
    case Verb::xclient: return cmd_xclient(c);
    case Verb::expn:
    case Verb::etrn: return bad(502, "5.5.1", "Command not offered here, say HELP for those that are");
    case Verb::unknown:
      return bad(500, "5.5.1", "Command not recognized, say HELP for those that are: " + printable(c.name, 40));
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
  hello_is_junk_ = false;
  if (!ask_filters(conf::Phase::helo)) say_hello();
}

void Session::cmd_ehlo(const smtp::Command& c) {
  if (!smtp::is_helo_name(c.arguments)) return bad(501, "5.5.2", "EHLO wants your host name or [address]");
  reset();
  helo_ = c.arguments;
  extended_ = true;
  hello_is_junk_ = false;
  if (!ask_filters(conf::Phase::ehlo)) say_hello();
}

void Session::say_hello() {
  if (!extended_) return reply(250, "", server_.config().hostname);
  std::vector<std::string> lines = ehlo_lines(terms());
  lines.insert(lines.begin(), server_.config().hostname);
  if (is_local() && login_) lines.push_back("XLOCAL " + login_->address + " " + login_->origin);
  send(smtp::format_multiline_reply(250, lines));
}

void Session::cmd_mail(const smtp::Command& c) {
  if (transaction_) return bad(503, "5.5.1", "A transaction is under way; say RSET first");
  if (login_ && !login_counts()) return;
  const uint32_t most = server_.config().max_messages_per_session;
  if (most > 0 && messages_ >= most)
    return refuse("4.5.3", server_.config().hostname + " Enough messages for one session: connect again");
  auto args = smtp::parse_mail_args(c.arguments);
  if (!args)
    return bad(501, "5.5.4", "MAIL: " + printable(args.error().text, 200) + "; say MAIL FROM:<address> [parameters]");
  if (!extended_ && !args->params.needs.empty()) return bad(555, "5.5.4", "Parameters need EHLO: say that first");
  const std::string sender = args->path.is_null ? "" : args->path.mailbox.text();
  if (const auto no = refuse_mail(terms(), *args)) {
    note_refusal(itself(), sender, {}, *no);
    return bad(no->code, no->enhanced, no->text);
  }
  if (is_limited() && !server_.admission().take_message(peer_.address, now_monotonic())) {
    const Refusal no{450, "4.7.1", "Too many messages from your address, try again in an hour"};
    note_refusal(itself(), sender, {}, no);
    return reply(no.code, no.enhanced, no.text);
  }
  if (!args->path.is_null && args->path.mailbox.domain.empty())
    return bad(501, "5.1.7", "Sender address needs a domain");
  transaction_ = std::make_unique<Transaction>();
  transaction_->message = server_.new_message_id();
  transaction_->sender = sender;
  transaction_->options = mail_options(args->params, now_unix());
  transaction_->is_binary = args->params.body == smtp::Body::binary;
  if (!ask_filters(conf::Phase::mail_from)) accept_sender();
}

void Session::accept_sender() {
  if (is_submission() && !transaction_->sender.empty()) return ask_senders({transaction_->sender});
  reply(250, "2.1.0", "Sender ok");
}

void Session::cmd_rcpt(const smtp::Command& c) {
  const auto args = smtp::parse_rcpt_args(c.arguments);
  if (!args)
    return reply_in_order(501, "5.5.4",
                          "RCPT: " + printable(args.error().text, 200) + "; say RCPT TO:<address> [parameters]");
  if (transaction_->has_content()) return reply_in_order(503, "5.5.1", "The message has begun; say RSET first");
  if (!extended_ && !args->params.needs.empty())
    return reply_in_order(555, "5.5.4", "Parameters need EHLO: say that first");
  const auto refuse_it = [&](const Refusal& no) {
    note_refusal(itself(), transaction_->sender, {args->path.mailbox.text()}, no);
    reply_in_order(no.code, no.enhanced, no.text);
  };
  if (const auto no = refuse_rcpt(terms(), *args, transaction_->options.smtputf8)) return refuse_it(*no);
  if (transaction_->recipients.size() + verdicts_.size() >= server_.config().max_recipients) {
    return refuse_it({452, "4.5.3", "Too many recipients; send the rest in another transaction"});
  }
  const uint32_t most = server_.config().max_recipients_per_session;
  if (most > 0 && recipients_ >= most)
    return refuse_it({452, "4.5.3", "Too many recipients for one session; connect again"});
  if (is_limited() && !server_.admission().take_recipient(peer_.address, now_monotonic())) {
    return refuse_it({450, "4.7.1", "Too many recipients from your address, try again in an hour"});
  }
  recipients_++;
  PendingRcpt pending;
  pending.query = next_query_++;
  pending.recipient.address = args->path.mailbox.text();
  pending.recipient.options = rcpt_options(args->params);
  lookup::CheckRcpt m;
  m.session = id_;
  m.query = pending.query;
  if ((phases_ & 1U << static_cast<unsigned>(conf::Phase::rcpt_to)) != 0) m.listener = listener_;
  m.facts = facts();
  m.recipient = pending.recipient.address;
  verdicts_.push_back(std::move(pending));
  if (!server_.ask_lookup(m)) on_lookup_down();
}

void Session::cmd_data(const smtp::Command& c) {
  if (!c.arguments.empty()) return bad(501, "5.5.4", "DATA takes no argument: leave it out");
  if (transaction_->is_binary) return bad(503, "5.5.1", "DATA cannot carry BODY=BINARYMIME; send it with BDAT");
  if (transaction_->recipients.empty())
    return bad(is_lmtp() ? 503 : 554, "5.5.1", "No valid recipients: say RCPT first");
  if (transaction_->chunks) return bad(503, "5.5.1", "DATA cannot follow BDAT; say RSET first");
  if (!ask_filters(conf::Phase::data)) begin_data();
}

void Session::begin_data() {
  begin_content();
  transaction_->reader.emplace(server_.config().message_size);
  reply(354, "", "Go ahead, end with <CRLF>.<CRLF>");
}

void Session::cmd_rset(const smtp::Command&) {
  reset();
  reply(250, "2.0.0", "Ok");
}

void Session::cmd_vrfy(const smtp::Command& c) {
  if (c.arguments.empty()) return bad(501, "5.5.4", "VRFY wants an address");
  reply(252, "2.0.0", "Cannot verify here; send the mail and see");
}

void Session::cmd_help(const smtp::Command&) {
  send(smtp::format_multiline_reply(214, {"2.0.0 EHLO HELO MAIL RCPT DATA BDAT RSET NOOP QUIT VRFY HELP STARTTLS AUTH",
                                          "2.0.0 RFC 5321 says the rest"}));
}

// RFC 3207.
void Session::cmd_starttls(const smtp::Command& c) {
  if (!offers_tls())
    return bad(tls_ ? 503 : 502, "5.5.1",
               tls_ ? "TLS is on already: go on with EHLO" : "STARTTLS is not offered here: go on without");
  if (!c.arguments.empty()) return bad(501, "5.5.4", "STARTTLS takes no argument: leave it out");
  if (!server_.tls_is_up()) return reply(454, "4.7.0", "TLS is not available now, try again later");
  reply(220, "2.0.0", "Ready to start TLS");
  if (!stream_->flush() || stream_->unsent() > 0 || !hand_to_tls()) return end();
}

// The client's descriptor goes to tls; we go on with a fresh socketpair. What was pipelined in plain text stays in the
// old stream and dies with it. False: there is no TLS, and nothing more to say to the client.
bool Session::hand_to_tls() {
  int ends[2];
  if (!server_.tls_is_up() || socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) != 0)
    return false;
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
