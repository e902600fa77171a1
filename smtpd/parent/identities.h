// Which uid and gid each role runs as: named system users, or numbers from `worker-uids` for a demo or a test.
// SPDX-License-Identifier: ISC
#pragma once

#include <sys/types.h>

#include <array>
#include <string>
#include <vector>

#include "lib/base/result.h"
#include "lib/imsg/routes.h"

namespace mailkeep::parent {

struct Identity {
  uid_t uid = 0;
  gid_t gid = 0;
};

struct Identities {
  std::array<Identity, imsg::kRoles> of{};  // pam: root; user: not here (each account's own)
  gid_t mail_group = 0;                     // writes the sticky directory of mail directories

  const Identity& operator[](imsg::Role role) const { return of[static_cast<size_t>(role)]; }
};

// `base` 0: the system users of etc/mailkeep.sysusers, else base + n. The Error names every one that is missing
// and the command that makes it.
Result<Identities> find_identities(uint64_t base);

// The system user's name of a role: "mailkeep-smtp". Empty: the role has none.
std::string_view user_name(imsg::Role role);

}  // namespace mailkeep::parent
