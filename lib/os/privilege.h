// Giving up root, for good and checked: chroot, groups, uid and gid, capabilities, no_new_privs, dumps,
// and what /proc says of it afterwards. Used by every worker's main, once, while it still has one thread.
// SPDX-License-Identifier: ISC
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "lib/base/fd.h"
#include "lib/base/result.h"

namespace mailkeep::os {

// Closes every descriptor from `lowest` up.
void close_from(int lowest);

// chroot(2) into `directory` (O_PATH will do; `name` is for messages), which must belong to root (or to `owner`) and be
// nobody else's to write. As root; needs of the capabilities only SETUID and SYS_CHROOT.
Status enter_root(const Fd& directory, const std::string& name, uid_t owner);

// Drops to uid and gid (all four of each) without supplementary groups, empties every capability set and
// the bounding set, sets no_new_privs, undumpable and a core limit of 0, then tries to get root back: success of
// that, or anything left over, is an error.
Status drop_to(uid_t uid, gid_t gid);

// Keeps of root only the capabilities listed (CAP_…), and in the bounding set SETPCAP beside them. For the parent.
Status keep_capabilities(const std::vector<int>& capabilities);

// no core file, not dumpable, no_new_privs; part of drop_to().
Status harden_process();

}  // namespace mailkeep::os
