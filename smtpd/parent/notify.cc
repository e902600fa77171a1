// systemd's notification and log levels: see notify.h.
// SPDX-License-Identifier: ISC
#include "smtpd/parent/notify.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <cstddef>
#include <cstdlib>
#include <cstring>

#include "lib/base/fd.h"
#include "lib/log/log.h"

namespace mailkeep::parent {

void notify_systemd(std::string_view state) {
  const char* path = std::getenv("NOTIFY_SOCKET");
  if (path == nullptr || (path[0] != '/' && path[0] != '@')) return;
  struct sockaddr_un sun {};
  const size_t length = std::strlen(path);
  if (length >= sizeof sun.sun_path) return;
  sun.sun_family = AF_UNIX;
  std::memcpy(sun.sun_path, path, length);
  if (path[0] == '@') sun.sun_path[0] = '\0';
  const Fd fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + length);
  if (!fd || ::sendto(fd.get(), state.data(), state.size(), MSG_NOSIGNAL,
                      reinterpret_cast<const struct sockaddr*>(&sun), size) < 0) {
    log::warn("notify").kv("text", std::strerror(errno));
  }
}

uint8_t log_level_number(std::string_view name) {
  if (name == "error") return 0;
  if (name == "warn") return 1;
  if (name == "debug") return 3;
  return 2;
}

}  // namespace mailkeep::parent
