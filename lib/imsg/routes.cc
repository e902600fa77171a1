// Role names: see routes.h.
// SPDX-License-Identifier: ISC
#include "lib/imsg/routes.h"

namespace mailkeep::imsg {

std::string_view role_name(Role role) {
  switch (role) {
    case Role::kParent: return "parent";
    case Role::kTls: return "tls";
    case Role::kSmtpd: return "smtpd";
    case Role::kLookup: return "lookup";
    case Role::kAuth: return "auth";
    case Role::kPam: return "pam";
    case Role::kQueue: return "queue";
    case Role::kLmtpd: return "lmtpd";
    case Role::kImapd: return "imapd";
    case Role::kUser: return "user";
    case Role::kControl: return "control";
    case Role::kRelay: return "relay";
  }
  fatal("role_name: no such role");
}

}  // namespace mailkeep::imsg
