// auth: the only process that sees password databases. User mailkeep-auth, no files, seccomp.
// SPDX-License-Identifier: ISC
#include "smtpd/auth/server.h"

int main(int argc, char** argv, char** envp) {
  using namespace mailkeep;
  auto boot = worker::boot(imsg::Role::kAuth, argc, argv, envp);

  // The table comes as a descriptor: nothing on the file system is opened here.
  worker::confine(boot, os::Profile::kAuth);

  mailkeep::event::Loop loop;
  auth::Server server(loop);
  loop.run();
  return 0;
}
