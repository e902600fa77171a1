// The listening sockets: bound by the parent, kept over reloads and worker restarts, so nothing is refused meanwhile.
// SPDX-License-Identifier: ISC
#pragma once

#include <map>
#include <string>
#include <vector>

#include "lib/base/fd.h"
#include "lib/base/result.h"
#include "lib/conf/config.h"

namespace mailkeep::parent {

constexpr int kBacklog = 1024;

struct BoundListener {
  uint32_t id = 0;
  std::string name;  // "127.0.0.1:25", "[::1]:25", or a path
  conf::Listener config;
};

class Listeners {
 public:
  // Binds what `config` names and is not bound yet. On an error nothing has changed, and the Error says
  // file:line:column. The sockets that are no longer named stay open until settle().
  Result<std::vector<BoundListener>> bind(const conf::Config& config);
  // Closes what `used` does not name.
  void settle(const std::vector<BoundListener>& used);
  // A duplicate for a worker.
  Result<Fd> socket_of(const BoundListener& listener) const;

 private:
  std::map<std::string, std::pair<uint32_t, Fd>> sockets_;  // by name
  uint32_t next_id_ = 1;
};

// The numeric addresses, with ports, at which the SMTP listeners are reached; those on all addresses with every
// interface's.
struct OwnAddress {
  std::string address;
  uint16_t port = 0;
};
Result<std::vector<OwnAddress>> smtp_addresses(const std::vector<BoundListener>& listeners);

// A listening Unix stream socket at `path` with `mode`; replaces a dead one that is there.
Result<Fd> listen_unix(const std::string& path, mode_t mode, uid_t uid, gid_t gid);

}  // namespace mailkeep::parent
