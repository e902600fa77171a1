// The directories under `state`: made at start with the right owners, while the parent still has all of root.
//
//   state/         root      0755
//     empty/       root      0755   where workers without files are chroot'd
//     spool/       queue     0700   the queue's, its chroot
//     mail/        root:mailkeep-mail 01730   one directory an account, made by the account's own uid
//     run/         root      0755   the control socket
//     uids         root      0600   uids given from uid-range, "name uid" a line, append only
// SPDX-License-Identifier: ISC
#pragma once

#include "lib/conf/config.h"
#include "smtpd/parent/identities.h"

namespace mailkeep::parent {

struct StatePaths {
  std::string empty;
  std::string spool;
  std::string mail;
  std::string uids;
};

Result<StatePaths> make_state_dirs(const conf::Config& config, const Identities& ids);

}  // namespace mailkeep::parent
