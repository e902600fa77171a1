// The IMAP dialog before login: see dialog.h.
// SPDX-License-Identifier: ISC
#include "imapd/login/dialog.h"

#include "lib/base/limits.h"
#include "lib/imap/capability.h"
#include "lib/imap/writer.h"
#include "lib/sasl/plain.h"

namespace mailkeep::imapd {

namespace {

constexpr std::string_view kPrivacy = "NO [PRIVACYREQUIRED] Use STARTTLS first";

std::string_view without_crlf(std::string_view line) {
  if (!line.empty() && line.back() == '\n') line.remove_suffix(1);
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  return line;
}

}  // namespace

Dialog::Dialog(Policy policy)
    : policy_(policy),
      reader_(imap::CommandReader::Limits{kMaxLineBeforeLogin, kMaxLineBeforeLogin, kMaxCommandBeforeLogin}) {}

Dialog::~Dialog() { forget_password(); }

void Dialog::forget_password() { sasl::wipe(password_); }

std::string Dialog::capability() const {
  if (policy_.tls) return std::string(imap::kCapabilityBeforeLogin);
  std::string out(policy_.plaintext_login ? imap::kCapabilityPlaintextLogin : imap::kCapabilityBeforeTls);
  constexpr std::string_view kStarttls = " STARTTLS";
  if (!policy_.starttls) out.erase(out.find(kStarttls), kStarttls.size());
  return out;
}

std::string Dialog::greeting(std::string_view hostname) const {
  std::string out = "* OK [CAPABILITY " + capability() + "] ";
  imap::write_text(out, hostname);
  return out + " ready\r\n";
}

void Dialog::answer(std::string& out, std::string_view text) {
  out += tag_;
  out += ' ';
  imap::write_text(out, text);
  out += "\r\n";
}

Dialog::Act Dialog::bad(std::string& out, std::string_view tag, std::string_view text) {
  out += tag;
  out += " BAD ";
  imap::write_text(out, text);
  out += "\r\n";
  if (++bad_commands_ < kMaxBadCommands) return Act::kMore;
  out += "* BYE Too many errors\r\n";
  return Act::kEnd;
}

Dialog::Act Dialog::next(std::string_view& input, std::string& out) {
  using Event = imap::CommandReader::Event;
  Act act = Act::kMore;
  while (act == Act::kMore) {
    switch (reader_.next(input)) {
      case Event::kNone: return Act::kMore;
      case Event::kGoAhead: out += "+ OK\r\n"; break;
      case Event::kCommand: act = command(reader_.command(), out); break;
      case Event::kAppend:
        act = bad(out, imap::command_tag(reader_.command()), "Log in first");
        reader_.refuse();
        break;
      case Event::kLine: act = sasl_line(reader_.command(), out); break;
      case Event::kRefused:
        if (in_sasl_) {
          in_sasl_ = false;
          act = bad(out, tag_, "Line too long");
        } else {
          out += reader_.refusal();
          if (++bad_commands_ >= kMaxBadCommands) {
            out += "* BYE Too many errors\r\n";
            act = Act::kEnd;
          }
        }
        break;
      case Event::kData:
      case Event::kAppendEnd: break;
    }
  }
  return act;
}

Dialog::Act Dialog::command(std::string_view text, std::string& out) {
  auto parsed = imap::parse_command(text);
  const std::string tag = imap::command_tag(text);
  if (!parsed) return bad(out, tag, parsed.error().text);
  tag_ = tag;
  if (std::holds_alternative<imap::Capability>(*parsed)) {
    out += "* CAPABILITY " + capability() + "\r\n";
    answer(out, "OK Done");
  } else if (std::holds_alternative<imap::Noop>(*parsed)) {
    answer(out, "OK Done");
  } else if (std::holds_alternative<imap::Id>(*parsed)) {
    out += "* ID ";
    out += imap::kIdResponse;
    out += "\r\n";
    answer(out, "OK Done");
  } else if (std::holds_alternative<imap::Logout>(*parsed)) {
    out += "* BYE Logging out\r\n";
    answer(out, "OK Done");
    return Act::kEnd;
  } else if (const auto* starttls = std::get_if<imap::Starttls>(&*parsed)) {
    return on(*starttls, out);
  } else if (const auto* login = std::get_if<imap::Login>(&*parsed)) {
    return on(*login, out);
  } else if (const auto* authenticate = std::get_if<imap::Authenticate>(&*parsed)) {
    return on(*authenticate, out);
  } else {
    return bad(out, tag, "Log in first");
  }
  return Act::kMore;
}

Dialog::Act Dialog::on(const imap::Starttls&, std::string& out) {
  if (policy_.tls) return bad(out, tag_, "TLS is on already");
  if (!policy_.starttls) return bad(out, tag_, "No TLS here");
  return Act::kStarttls;
}

void Dialog::no_tls(std::string& out) { answer(out, "NO [UNAVAILABLE] No TLS now, try again later"); }

Dialog::Act Dialog::on(const imap::Login& c, std::string& out) {
  if (!may_login()) {
    answer(out, kPrivacy);
    return Act::kMore;
  }
  return login(c.user, c.password, out);
}

Dialog::Act Dialog::on(const imap::Authenticate& c, std::string& out) {
  if (!may_login()) {
    answer(out, kPrivacy);
    return Act::kMore;
  }
  if (c.mechanism != "PLAIN") {
    answer(out, "NO [CANNOT] No such mechanism");
    return Act::kMore;
  }
  if (c.initial) return plain(*c.initial, out);
  out += "+ \r\n";
  in_sasl_ = true;
  reader_.expect_line();
  return Act::kMore;
}

Dialog::Act Dialog::sasl_line(std::string_view line, std::string& out) {
  in_sasl_ = false;
  line = without_crlf(line);
  if (line == "*") return bad(out, tag_, "Cancelled");
  return plain(line, out);
}

Dialog::Act Dialog::plain(std::string_view base64, std::string& out) {
  auto message = sasl::decode_plain(base64);
  if (!message) return bad(out, tag_, message.error().text);
  if (!message->authzid.empty() && message->authzid != message->authcid) {
    sasl::wipe(message->password);
    answer(out, "NO [AUTHORIZATIONFAILED] Nobody may act as another here");
    return Act::kMore;
  }
  return login(std::move(message->authcid), std::move(message->password), out);
}

Dialog::Act Dialog::login(std::string user, std::string password, std::string& out) {
  user_ = std::move(user);
  password_ = std::move(password);
  if (user_.empty() || password_.empty() || user_.size() > kMaxAddress || password_.size() > kMaxPassword) {
    forget_password();
    return denied(out) ? Act::kMore : Act::kEnd;
  }
  return Act::kLogin;
}

bool Dialog::denied(std::string& out) {
  answer(out, "NO [AUTHENTICATIONFAILED] Wrong user name or password");
  if (++failed_logins_ < kMaxFailedLogins) return true;
  out += "* BYE Too many failed logins\r\n";
  return false;
}

void Dialog::unavailable(std::string& out, std::string_view text) {
  answer(out, "NO [UNAVAILABLE] " + std::string(text));
}

}  // namespace mailkeep::imapd
