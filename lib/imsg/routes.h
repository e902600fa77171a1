// The route table of a role: message, from which kind of peer, handler. What is not in it ends that peer.
//
//   routes.add<CheckRcpt>(Role::kSmtpd, &Lookup::on_check_rcpt);   // void on_check_rcpt(PeerId, CheckRcpt&&)
// SPDX-License-Identifier: ISC
#pragma once

#include <compare>
#include <functional>
#include <string_view>
#include <unordered_map>

#include "lib/imsg/channel.h"

namespace mailkeep::imsg {

enum class Role : uint8_t {
  kParent,
  kTls,
  kSmtpd,
  kLookup,
  kAuth,
  kPam,
  kQueue,
  kLmtpd,
  kImapd,
  kUser,
  kControl,
  kRelay
};
constexpr Role kLastRole = Role::kRelay;
constexpr size_t kRoles = static_cast<size_t>(kLastRole) + 1;
// The role's name: of its executable, in titles, in logs, and of its system user ("mailkeep-smtp").
std::string_view role_name(Role role);

// Which process: the role, and which of its workers (for `user`: a number the parent gives each start).
struct PeerId {
  Role role = Role::kParent;
  uint32_t instance = 0;
  auto operator<=>(const PeerId&) const = default;
};

template <class Owner>
class Routes {
 public:
  template <class M>
  void add(Role from, void (Owner::*handler)(PeerId, M&&)) {
    table_[key(from, M::kType)] = [handler](Owner& owner, PeerId peer, Frame& frame) {
      M message;
      if (!decode(frame.body, frame.fds, message)) return false;
      (owner.*handler)(peer, std::move(message));
      return true;
    };
  }
  // False: malformed, or no such route from that peer.
  bool dispatch(Owner& owner, PeerId peer, Frame& frame) const {
    const auto it = table_.find(key(peer.role, frame.type));
    return it != table_.end() && it->second(owner, peer, frame);
  }

 private:
  static uint32_t key(Role from, uint16_t type) { return static_cast<uint32_t>(from) << 16 | type; }
  std::unordered_map<uint32_t, std::function<bool(Owner&, PeerId, Frame&)>> table_;
};

}  // namespace mailkeep::imsg
