// CAPABILITY, NOOP, LOGOUT (RFC 3501 6.1), ID (RFC 2971), ENABLE (RFC 5161), NAMESPACE (RFC 2342), and the commands
// that are over once a client is logged in. Run by `user`.
// SPDX-License-Identifier: ISC
#include "imapd/session/session.h"
#include "lib/imap/capability.h"

namespace mailkeep::imapd {

void Session::on(imap::Capability) {
  line("CAPABILITY " + std::string(imap::kCapability));
  ok("Done");
}

void Session::on(imap::Noop) { ok("Done"); }

void Session::on(imap::Logout) {
  line("BYE Logging out");
  view_.reset();
  ok("Bye");
  is_finished_ = true;
}

void Session::on(imap::Id) {
  line("ID " + std::string(imap::kIdResponse));
  ok("Done");
}

// None of our extensions needs to be enabled.
void Session::on(imap::Enable) {
  line("ENABLED");
  ok("Done");
}

void Session::on(imap::Namespace) {
  line("NAMESPACE ((\"\" \"/\")) NIL NIL");
  ok("Done");
}

void Session::on(imap::Starttls) { bad("Already logged in"); }
void Session::on(imap::Authenticate) { bad("Already logged in"); }
void Session::on(imap::Login) { bad("Already logged in"); }

}  // namespace mailkeep::imapd
