// Memory that a process needs no more once it has started.
//
// A process reads a configuration, sets up a TLS or a DNS library, and from then on runs a small part of its code. What
// is mapped counts as its own memory (RSS, PSS) all the same, until the kernel is short of it. Run by the parent and by
// the workers, a moment after they have begun to serve; not by accounts' processes, which share those pages with the
// template that forked them. Trusts the linker's table of what is loaded.
// SPDX-License-Identifier: ISC
#pragma once

#include <cstddef>

#include "lib/base/clock.h"

namespace mailkeep::os {

constexpr Millis kStartUp(2000);  // from when a process takes its configuration into use until it lets go

// Gives the heap's free pages back, and lets go of the pages of code and constants, which the page cache keeps: what is
// used again is mapped again. Nothing that can have been written is touched. Needs madvise(2) of the sandbox. Returns
// the bytes of address space let go of: 0 where that is not possible, which costs only memory.
size_t release_start_up_memory();

}  // namespace mailkeep::os
