// A front end that we trust says for which client it speaks: XCLIENT (Postfix's XCLIENT_README). The session starts
// anew for that client, with another greeting. Whether the front end may go on to speak for others stays as its
// connection's address says.
//
//   ADDR                whose limits, rules and filters hold. Forgets what was said of the client before
//   NAME                its name, as if it had been looked up; else it is looked up when ADDR is said
//   HELO, PROTO         what it greeted with, whatever the front end says in its own greeting
//   PORT, DEST...       logged
//   LOGIN               refused: only auth can vouch to the queue for a login, and smtpd cannot invent that. Taken from a front end
//                       it would be a login that an smtpd in a stranger's hands gives to itself
// SPDX-License-Identifier: ISC
#include <utility>

#include "lib/base/text.h"
#include "lib/log/log.h"
#include "lib/receive/server.h"
#include "lib/receive/session.h"
#include "lib/receive/xclient.h"

namespace mailkeep::receive {

void Session::cmd_xclient(const smtp::Command& c) {
  if (!peer_.may_xclient) return bad(550, "5.7.0", "XCLIENT is not for your address: its listener must name that");
  if (transaction_) return bad(503, "5.5.1", "A transaction is under way; say RSET first");
  if (login_) return bad(503, "5.5.1", "You are logged in already: connect again for another client");
  const auto args = parse_xclient(c.arguments);
  if (!args) return bad(501, "5.5.4", "XCLIENT: " + printable(args.error().text, 200) + "; say XCLIENT name=value ...");
  if (args->login.is_known())
    return bad(550, "5.7.1", "LOGIN is not taken, leave it out: who has logged in is found out here");
  // Its own address would be trusted in the client's place.
  if (args->address.is_said() && !args->address.is_known())
    return refuse("4.7.0", server_.config().hostname + " The address of the client must be known");
  note_front_end(*args);
  if (args->address.is_known() && !speak_for(args->address.value, !args->name.is_said()))
    return refuse("4.7.0", server_.config().hostname + " Too many sessions from that address, try again later");
  believe(*args);
  start_anew();
}

void Session::note_front_end(const Xclient& args) const {
  auto line = log::info("xclient");
  line.kv("session", hex64(id_)).kv("via", peer_.address).kv("messages", std::to_string(messages_));
  line.kv("src", args.address.is_known() ? args.address.value : peer_.address);
  const std::pair<std::string_view, const Said*> said[] = {
      {"port", &args.port},   {"name", &args.name},        {"helo", &args.helo},
      {"proto", &args.proto}, {"dest", &args.destination}, {"dest_port", &args.destination_port}};
  for (const auto& [key, one] : said) {
    if (one->is_known()) line.kv(key, one->value);
  }
}

// False: that client has too many sessions.
bool Session::speak_for(const std::string& address, bool asks_name) {
  const bool may_go_on = peer_.may_xclient;
  const auto verdict = server_.change_source(*this, address, peer_);
  peer_.may_xclient = may_go_on;
  if (verdict != Admission::Verdict::kWelcome) return false;
  name_state_ = lookup::NameState::kUnasked;  // what is known was of another
  client_name_.clear();
  named_helo_.reset();
  named_extended_.reset();
  if (asks_name) ask_client_name();
  return true;
}

void Session::believe(const Xclient& args) {
  using lookup::NameState;
  if (args.name.is_said()) {
    name_state_ = args.name.is_known()                           ? NameState::kConfirmed
                  : args.name.state == Said::State::kTemporarily ? NameState::kFailed
                                                                 : NameState::kNone;
    client_name_ = args.name.value;
  }
  if (args.helo.is_said()) named_helo_ = args.helo.is_known() ? std::optional(args.helo.value) : std::nullopt;
  if (args.proto.is_said())
    named_extended_ = args.proto.is_known() ? std::optional(args.proto.value == "ESMTP") : std::nullopt;
}

void Session::start_anew() {
  helo_.clear();
  extended_ = false;
  connect_is_junk_ = false;
  errors_ = 0;
  messages_ = 0;
  recipients_ = 0;
  failed_logins_ = 0;
  welcome();
}

}  // namespace mailkeep::receive
