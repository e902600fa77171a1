// Content on its way in: see content.h.
// SPDX-License-Identifier: ISC
#include "lib/receive/content.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

namespace mailkeep::receive {

namespace {
constexpr size_t kWriteAt = 256 * 1024;

Status write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno_error("write of the message");
    bytes.remove_prefix(static_cast<size_t>(n));
  }
  return {};
}
}  // namespace

Status Content::settle(bool all) {
  if (!file_ || buffer_.empty() || (!all && buffer_.size() < kWriteAt)) return {};
  if (auto done = write_all(file_.get(), buffer_); !done) return done;
  written_ += buffer_.size();
  buffer_.clear();
  return {};
}

Status Content::use_file(Fd file) {
  file_ = std::move(file);
  return settle(true);
}

Result<Fd> Content::seal() {
  Fd fd(memfd_create("message", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!fd) return errno_error("memfd_create");
  if (auto done = write_all(fd.get(), buffer_); !done) return done.error();
  if (fcntl(fd.get(), F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) != 0) {
    return errno_error("F_ADD_SEALS");
  }
  return fd;
}

}  // namespace mailkeep::receive
