// Starting a worker: fork, exec of its program with one socketpair end on descriptor 3, and Boot.
// SPDX-License-Identifier: ISC
#pragma once

#include <sys/types.h>

#include <string>

#include "lib/base/fd.h"
#include "lib/base/result.h"
#include "lib/worker/messages.h"

namespace mailkeep::parent {

struct Started {
  pid_t pid = -1;
  Fd channel;
};

// Where the workers' programs are: libexec/mailkeep beside the sbin that mailkeepd runs from. Opened while root may go
// anywhere; later, without CAP_DAC_OVERRIDE, the way there might be closed.
struct Libexec {
  std::string path;
  Fd directory;
};
Result<Libexec> find_libexec();

// A socketpair, both ends non-blocking and close-on-exec.
Result<std::pair<Fd, Fd>> make_pair();

// Boot is sent before this returns. The child has standard error, /dev/null as its input and output, no environment.
Result<Started> start_worker(const Libexec& libexec, const worker::Boot& boot);

}  // namespace mailkeep::parent
