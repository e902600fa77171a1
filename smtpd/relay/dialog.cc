// A client's session up to the first transaction, and what ends it. See dialog.h; transactions are in dialog_mail.cc.
// SPDX-License-Identifier: ISC
#include "smtpd/relay/dialog.h"

#include "lib/text/base64.h"

namespace mailkeep::relay {

Dialog::Step Dialog::advance(std::string_view& input) {
  while (state_ != State::kFailed) {
    if (state_ == State::kTls) return Step::kWait;
    const ReplyReader::Found found = reader_.read(input);
    if (found == ReplyReader::Found::kNothing) return Step::kWait;
    if (found == ReplyReader::Found::kGarbage)
      return fail({"4.5.0",
                   "it did not answer with " + std::string(settings_.lmtp ? "LMTP" : "SMTP") + " when " +
                       std::string(awaited()) + " was expected",
                   0});
    // Bytes that came in before TLS, of whomever, must not count after it.
    if (state_ == State::kStartTls && reader_.reply().code == 220 && !input.empty()) {
      tls_failed_ = true;
      return fail({"4.7.0", "it sent more than its answer to STARTTLS", 220});
    }
    if (const Step step = on_reply(reader_.reply()); step != Step::kWait) return step;
  }
  return Step::kFailed;
}

Dialog::Step Dialog::on_reply(const Reply& reply) {
  switch (state_) {
    case State::kGreeting: return greeting(reply);
    case State::kEhlo:
    case State::kHelo: return hello(reply);
    case State::kStartTls:
      if (reply.code == 220) {
        state_ = State::kTls;
        return Step::kStartTls;
      }
      if (settings_.tls >= Tls::kEncrypt || reply.code == 421 || reply.code < 400) return refuse("STARTTLS", reply);
      return authenticate();
    case State::kAuth:
    case State::kAuthUser:
    case State::kAuthPassword: return auth_reply(reply);
    case State::kEnvelope: return envelope_reply(reply);
    case State::kContent:
    case State::kFinal: return final_reply(reply);
    case State::kEmpty: return ready();
    case State::kReady: return fail({"4.5.0", "it said something unasked", reply.code});
    case State::kQuit: return fail({"2.0.0", "ended", reply.code});
    case State::kTls:
    case State::kFailed: break;
  }
  return Step::kWait;
}

void Dialog::send(std::string line) { out_ += std::move(line) + "\r\n"; }

Dialog::Step Dialog::fail(Failure failure) {
  undecided_ = state_ == State::kFinal;
  state_ = State::kFailed;
  failure_ = std::move(failure);
  return Step::kFailed;
}

Dialog::Step Dialog::refuse(const std::string& what, const Reply& reply) {
  const std::string status =
      reply.enhanced.empty() ? "4.0.0" : "4" + reply.enhanced.substr(1);  // of this host; the mail waits
  return fail({status, what + ": " + reply.text, reply.code});
}

Dialog::Step Dialog::hung_up() {
  return fail({"4.4.2", "it closed the connection when " + std::string(awaited()) + " was expected", 0});
}

Dialog::Step Dialog::timed_out() {
  return fail(
      {"4.4.2",
       "no answer within " + std::to_string(patience().count()) + " s when " + std::string(awaited()) + " was expected",
       0});
}

void Dialog::quit() {
  state_ = State::kQuit;
  send("QUIT");
}

std::string_view Dialog::awaited() const {
  switch (state_) {
    case State::kGreeting: return "the greeting";
    case State::kEhlo: return settings_.lmtp ? "the answer to LHLO" : "the answer to EHLO";
    case State::kHelo: return "the answer to HELO";
    case State::kStartTls: return "the answer to STARTTLS";
    case State::kTls: return "the TLS handshake";
    case State::kAuth:
    case State::kAuthUser:
    case State::kAuthPassword: return "the answer to AUTH";
    case State::kEnvelope:
      return expected_.empty() || expected_.front().verb == Verb::kMail ? "the answer to MAIL"
             : expected_.front().verb == Verb::kRcpt                    ? "the answer to RCPT"
             : expected_.front().verb == Verb::kData                    ? "the answer to DATA"
                                                                        : "the answer to RSET";
    case State::kContent: return "more of the message";
    case State::kFinal:
    case State::kEmpty: return "the answer to the message";
    default: return "nothing";
  }
}

Seconds Dialog::patience() const {
  switch (state_) {
    case State::kGreeting: return kGreetingPatience;
    case State::kContent: return kBlockPatience;
    case State::kFinal:
    case State::kEmpty: return kFinalPatience;
    case State::kEnvelope:
      return !expected_.empty() && expected_.front().verb == Verb::kData ? kDataPatience : kCommandPatience;
    default: return kCommandPatience;
  }
}

// --- before the first transaction ------------------------------------------------------------------

// A 5xx greeting is this host's word about itself, not about the mail: the next host is asked, or this one later.
Dialog::Step Dialog::greeting(const Reply& reply) {
  if (reply.code != 220) return refuse("the greeting", reply);
  say_hello();
  return Step::kWait;
}

void Dialog::say_hello() {
  state_ = State::kEhlo;
  send((settings_.lmtp ? "LHLO " : "EHLO ") + settings_.helo);
}

Dialog::Step Dialog::hello(const Reply& reply) {
  const bool ehlo = state_ == State::kEhlo;
  if (ehlo && reply.is_permanent() && !settings_.lmtp) {
    extended_ = false;
    offers_ = {};
    state_ = State::kHelo;
    send("HELO " + settings_.helo);
    return Step::kWait;
  }
  if (reply.code != 250) return refuse(settings_.lmtp ? "LHLO" : ehlo ? "EHLO" : "HELO", reply);
  if (ehlo) offers_ = parse_offers(reply.lines);
  return secure();
}

Dialog::Step Dialog::secure() {
  if (encrypted_ || settings_.tls == Tls::kNone) return authenticate();
  if (offers_.starttls && !settings_.tls_failed) {
    state_ = State::kStartTls;
    send("STARTTLS");
    return Step::kWait;
  }
  if (settings_.tls >= Tls::kEncrypt)
    return fail({"4.7.4",
                 "TLS is required, but it does not offer STARTTLS" +
                     (settings_.tls_reason.empty() ? "" : "; policy: " + settings_.tls_reason),
                 0});
  return authenticate();
}

// What was offered before counts no more (RFC 3207 4.2).
void Dialog::tls_up() {
  encrypted_ = true;
  reader_ = {};
  if (state_ != State::kTls) return;  // TLS from the first byte: the greeting comes next
  offers_ = {};
  say_hello();
}

Dialog::Step Dialog::authenticate() {
  if (settings_.user.empty() || authenticated_) return ready();
  if (!encrypted_ && !settings_.loopback) return fail({"4.7.0", "the password is not sent without TLS", 0});
  if (offers_.auth_plain) {
    state_ = State::kAuthPassword;
    std::string message;
    message.append(1, '\0').append(settings_.user).append(1, '\0').append(settings_.password);
    send("AUTH PLAIN " + text::base64_encode(message));
    return Step::kWait;
  }
  if (!offers_.auth_login) return fail({"4.7.0", "it offers neither AUTH PLAIN nor AUTH LOGIN", 0});
  state_ = State::kAuth;
  send("AUTH LOGIN");
  return Step::kWait;
}

Dialog::Step Dialog::auth_reply(const Reply& reply) {
  if (state_ == State::kAuthPassword && reply.code == 235) {
    authenticated_ = true;
    return ready();
  }
  if (state_ == State::kAuthPassword || reply.code != 334) return refuse("AUTH", reply);
  const bool user = state_ == State::kAuth;
  state_ = user ? State::kAuthUser : State::kAuthPassword;
  send(text::base64_encode(user ? settings_.user : settings_.password));
  return Step::kWait;
}

}  // namespace mailkeep::relay
