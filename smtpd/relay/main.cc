// relay: sends mail to other hosts. Runs as mailkeep-relay; empty chroot.
// SPDX-License-Identifier: ISC
#include <sys/resource.h>

#include "smtpd/relay/relay.h"

int main(int argc, char** argv, char** envp) {
  using namespace mailkeep;
  // Still root.
  auto boot = worker::boot(imsg::Role::kRelay, argc, argv, envp);
  struct rlimit files = {};  // a message and a connection for each transfer
  bool raised = ::getrlimit(RLIMIT_NOFILE, &files) == 0;
  files.rlim_cur = files.rlim_max;
  raised = raised && ::setrlimit(RLIMIT_NOFILE, &files) == 0;
  if (!raised) log::warn("worker-limits").kv("text", errno_error("setrlimit").text);

  worker::confine(boot, os::Profile::kRelay);

  mailkeep::event::Loop loop;
  relay::Relay relay(loop);
  loop.run();
  return 0;
}
