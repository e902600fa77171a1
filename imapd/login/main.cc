// imapd: IMAP connections until they have logged in. User mailkeep-imap, empty chroot: it holds no key, no password
// database and no mail.
// SPDX-License-Identifier: ISC
#include "imapd/login/server.h"

int main(int argc, char** argv, char** envp) {
  using namespace mailkeep;
  auto boot = worker::boot(imsg::Role::kImapd, argc, argv, envp);

  worker::confine(boot, os::Profile::kLogin);

  mailkeep::event::Loop loop;
  imapd::Server server(loop);
  loop.run();
  return 0;
}
