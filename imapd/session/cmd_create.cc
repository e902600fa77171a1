// CREATE (RFC 3501 6.3.3) with USE (RFC 6154 3). Run by `user`.
// SPDX-License-Identifier: ISC
#include "imapd/session/session.h"
#include "imapd/session/special_use.h"

namespace mailkeep::imapd {

void Session::on(imap::Create command) {
  auto name = decode_name(command.mailbox);
  if (!name) return;
  if (name->size() > 1 && name->back() == '/') name->pop_back();  // 6.3.3: declares that names will be made under it
  store::Role role = store::Role::none;
  if (command.use.size() > 1) return no("[USEATTR] A mailbox has one special use");
  if (!command.use.empty()) {
    role = special_use_role(command.use[0]);
    if (role == store::Role::none) return no("[USEATTR] This special use is not known here");
    if (store_.find_role(role) != nullptr) return no("[USEATTR] Another mailbox has this special use");
  }
  const auto made = store_.create_mailbox(*name, role);
  if (!made) return no(made.error());
  after_sync(store_.last_seq(), [this] { ok("Created"); });
}

}  // namespace mailkeep::imapd
