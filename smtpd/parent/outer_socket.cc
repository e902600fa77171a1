// Connecting as somebody else: see outer_socket.h.
// SPDX-License-Identifier: ISC
#include "smtpd/parent/outer_socket.h"

#include <grp.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <vector>

namespace mailkeep::parent {

namespace {

constexpr int kMaxGroups = 64;

// Effective ids and groups alone: nobody but root may send this process a signal or trace it meanwhile.
class Borrowed {
 public:
  Borrowed(const Identity& who, std::string_view name) {
    const int had = getgroups(0, nullptr);
    own_.resize(had > 0 ? static_cast<size_t>(had) : 0);
    if (had > 0 && getgroups(had, own_.data()) != had) fatal("getgroups");
    std::vector<gid_t> groups(kMaxGroups);
    int count = kMaxGroups;
    if (name.empty() || getgrouplist(std::string(name).c_str(), who.gid, groups.data(), &count) < 0)
      groups[0] = who.gid, count = 1;
    held_ = setgroups(static_cast<size_t>(count), groups.data()) == 0 && setegid(who.gid) == 0 && seteuid(who.uid) == 0;
    error_ = errno;
  }
  ~Borrowed() {
    if (seteuid(0) != 0 || setegid(0) != 0 || setgroups(own_.size(), own_.data()) != 0)
      fatal("parent: not root again: " + errno_error("setgroups").text);
  }
  Borrowed(const Borrowed&) = delete;
  Borrowed& operator=(const Borrowed&) = delete;
  Status held() const { return held_ ? Status() : Status(errno_error("seteuid", error_)); }

 private:
  std::vector<gid_t> own_;
  bool held_ = false;
  int error_ = 0;
};

}  // namespace

Result<Fd> connect_as(const std::string& path, const Identity& who, std::string_view name) {
  struct sockaddr_un to = {};
  to.sun_family = AF_UNIX;
  if (path.size() >= sizeof to.sun_path) return Error(path + ": too long for a socket");
  std::memcpy(to.sun_path, path.data(), path.size());
  Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) return errno_error("socket");
  const Borrowed borrowed(who, name);
  if (auto held = borrowed.held(); !held) return held.error();
  if (::connect(fd.get(), reinterpret_cast<const struct sockaddr*>(&to), sizeof to) != 0) return errno_error("connect");
  return fd;
}

}  // namespace mailkeep::parent
