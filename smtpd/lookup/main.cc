// lookup: rules, tables and aliases. Runs as mailkeep-lookup; Landlock leaves it the tables' directories, read-only.
// SPDX-License-Identifier: ISC
#include "lib/worker/worker.h"
#include "smtpd/lookup/lookup.h"

using namespace mailkeep;

int main(int argc, char** argv, char** envp) {
  auto boot = worker::boot(imsg::Role::kLookup, argc, argv, envp);
  // Landlock and seccomp follow when the first configuration says where the tables are: lookup::enter_sandbox.
  worker::confine_ids(boot);
  mailkeep::event::Loop loop;
  lookup::Lookup lookup(loop, lookup::enter_sandbox);
  loop.run();
  return 0;
}
