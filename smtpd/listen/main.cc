// smtpd: SMTP from the world, and submission. No files, no connections of its own, an empty root; what it can do is
// hand on a message, and as an account only with the ticket that auth has given for it.
// SPDX-License-Identifier: ISC
#include "lib/receive/server.h"

using namespace mailkeep;

int main(int argc, char** argv, char** envp) {
  auto boot = worker::boot(imsg::Role::kSmtpd, argc, argv, envp);
  worker::confine(boot, os::Profile::kReceive);
  mailkeep::event::Loop loop;
  receive::Server server(loop, {smtpd::Protocol::kSmtp, smtpd::Protocol::kSubmission, smtpd::Protocol::kSubmissions,
                                smtpd::Protocol::kLocal});
  loop.run();
}
