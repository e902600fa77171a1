// auth: the only process that sees password databases. User mailkeep-auth, no files, seccomp.
// SPDX-License-Identifier: ISC
#include "smtpd/auth/server.h"

int main(int argc, char** argv, char** envp) {
  using namespace mailkeep;
  auto boot = worker::boot(imsg::Role::kAuth, argc, argv, envp);

  worker::confine_ids(boot);
  // The table comes as a descriptor: nothing on the file system is opened here.
  if (os::landlock_abi() == 0) log::warn("landlock-missing");
  if (auto done = os::enter_landlock({}, false); !done) fatal("landlock: " + done.error().text);
  if (auto done = os::enter_seccomp(os::Profile::kAuth); !done) fatal("seccomp: " + done.error().text);

  event::Loop loop;
  auth::Server server(loop);
  loop.run();
  return 0;
}
