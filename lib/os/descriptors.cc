// SPDX-License-Identifier: ISC
#include "lib/os/descriptors.h"

#include <fcntl.h>
#include <sys/resource.h>

#include <algorithm>
#include <cerrno>

#include "lib/base/fd.h"
#include "lib/base/result.h"

namespace mailkeep::os {

uint64_t descriptor_limit() {
  struct rlimit limit {};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) fatal("getrlimit: " + errno_error("RLIMIT_NOFILE").text);
  return limit.rlim_cur;
}

uint64_t spare_descriptors() { return std::min(kSpareDescriptors, descriptor_limit() / 4); }

bool may_accept(int open) {
  const Fd lowest(fcntl(open, F_DUPFD_CLOEXEC, 0));
  if (lowest && static_cast<uint64_t>(lowest.get()) + spare_descriptors() < descriptor_limit()) return true;
  errno = EMFILE;
  return false;
}

}  // namespace mailkeep::os
