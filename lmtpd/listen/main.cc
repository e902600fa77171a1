// lmtpd: LMTP from other MTAs on trusted sockets. No files, no connections of its own, an empty root; what it can do is
// hand on a message.
// SPDX-License-Identifier: ISC
#include "lib/receive/server.h"

using namespace mailkeep;

int main(int argc, char** argv, char** envp) {
  auto boot = worker::boot(imsg::Role::kLmtpd, argc, argv, envp);
  worker::confine(boot, os::Profile::kReceive);
  mailkeep::event::Loop loop;
  receive::Server server(loop, {smtpd::Protocol::kLmtp});
  loop.run();
}
