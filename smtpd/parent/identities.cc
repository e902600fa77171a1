// Uids and gids of the roles: see identities.h.
// SPDX-License-Identifier: ISC
#include "smtpd/parent/identities.h"

#include <grp.h>
#include <pwd.h>

namespace mailkeep::parent {

using imsg::Role;

namespace {
constexpr const char* kMailGroup = "mailkeep-mail";
constexpr uint64_t kMailGroupOffset = 50;  // from worker-uids' base
}  // namespace

std::string_view user_name(Role role) {
  switch (role) {
    case Role::kTls: return "mailkeep-tls";
    case Role::kSmtpd: return "mailkeep-smtp";
    case Role::kLookup: return "mailkeep-lookup";
    case Role::kAuth: return "mailkeep-auth";
    case Role::kQueue: return "mailkeep-queue";
    case Role::kLmtpd: return "mailkeep-lmtp";
    case Role::kImapd: return "mailkeep-imap";
    case Role::kRelay: return "mailkeep-relay";
    case Role::kControl: return "mailkeep";
    case Role::kParent:
    case Role::kPam:
    case Role::kUser: return "";
  }
  return "";
}

Result<Identities> find_identities(uint64_t base) {
  Identities found;
  std::string missing;
  for (size_t i = 0; i < imsg::kRoles; i++) {
    const auto role = static_cast<Role>(i);
    const std::string name(user_name(role));
    if (name.empty()) continue;
    if (base != 0) {
      found.of[i] = {static_cast<uid_t>(base + i), static_cast<gid_t>(base + i)};
      continue;
    }
    const struct passwd* pw = getpwnam(name.c_str());
    if (pw == nullptr || pw->pw_uid == 0 || pw->pw_gid == 0) {
      missing += missing.empty() ? name : " " + name;
    } else {
      found.of[i] = {pw->pw_uid, pw->pw_gid};
    }
  }
  if (base != 0) {
    found.mail_group = static_cast<gid_t>(base + kMailGroupOffset);
  } else if (const struct group* gr = getgrnam(kMailGroup); gr != nullptr && gr->gr_gid != 0) {
    found.mail_group = gr->gr_gid;
  } else {
    missing += missing.empty() ? std::string("group ") + kMailGroup : std::string(" and group ") + kMailGroup;
  }
  if (!missing.empty()) {
    return Error("missing system users: " + missing +
                 "; make them with: systemd-sysusers " MAILKEEP_PREFIX "/lib/sysusers.d/mailkeep.conf");
  }
  return found;
}

}  // namespace mailkeep::parent
