// STATUS (RFC 3501 6.3.10). Run by `user`.
// SPDX-License-Identifier: ISC
#include "imapd/session/session.h"
#include "lib/imap/writer.h"

namespace mailkeep::imapd {

void Session::on(imap::StatusCommand command) {
  const store::Mailbox* box = find_selectable(command.mailbox, "[NONEXISTENT] ");
  if (box == nullptr) return;
  std::string items;
  const auto add = [&items](bool wanted, std::string_view name, uint64_t value) {
    if (!wanted) return;
    if (!items.empty()) items += ' ';
    items += name;
    items += ' ' + std::to_string(value);
  };
  add(command.items.messages, "MESSAGES", box->messages.size());
  add(command.items.recent, "RECENT", box->recent());
  add(command.items.uidnext, "UIDNEXT", box->uidnext);
  add(command.items.uidvalidity, "UIDVALIDITY", box->uidvalidity);
  add(command.items.unseen, "UNSEEN", box->unseen);
  std::string name;
  imap::write_astring(name, command.mailbox);
  line("STATUS " + name + " (" + items + ")");
  ok("Done");
}

}  // namespace mailkeep::imapd
