// How many descriptors this process may open, and whether it has some to spare.
//
// A process that accepts connections keeps the last of its descriptors for what its peers send and what a session needs
// to go on: clients then wait in the listener's backlog, and nobody else has to pay for a crowd. The limit is asked for
// each time, for it can be changed from outside (prlimit(1)). Run by those processes; trusts the kernel only.
// SPDX-License-Identifier: ISC
#pragma once

#include <cstdint>

namespace mailkeep::os {

constexpr uint64_t kSpareDescriptors = 160;  // peers, listeners, memory files and spool files on their way

// RLIMIT_NOFILE, the soft one.
uint64_t descriptor_limit();
// What accepting must leave: kSpareDescriptors, or a quarter where there are few.
uint64_t spare_descriptors();
// Whether another connection may be accepted. `open` is any open descriptor. The kernel gives the lowest free number,
// so the last ones stay free of connections as long as each accept is preceded by this. False: errno is EMFILE.
bool may_accept(int open);

}  // namespace mailkeep::os
