// File calls of the parent: see files.h.
// SPDX-License-Identifier: ISC
#include "smtpd/parent/files.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace mailkeep::parent {

Result<Fd> open_for_worker(const std::string& path) {
  Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!fd) return errno_error("open " + path);
  struct stat st {};
  if (fstat(fd.get(), &st) != 0) return errno_error("fstat " + path);
  if (!S_ISREG(st.st_mode)) return Error(path + ": not a regular file");
  return fd;
}

Result<std::string> read_file(const std::string& path, size_t max) {
  auto fd = open_for_worker(path);
  if (!fd) return fd.error();
  std::string text;
  char chunk[65536];
  for (;;) {
    const ssize_t n = ::read(fd->get(), chunk, sizeof chunk);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno_error("read " + path);
    if (n == 0) return text;
    text.append(chunk, static_cast<size_t>(n));
    if (text.size() > max) return Error(path + ": larger than " + std::to_string(max) + " bytes");
  }
}

Status write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno_error("write");
    bytes.remove_prefix(static_cast<size_t>(n));
  }
  return {};
}

Result<Fd> memory_file(const char* name, std::string_view content) {
  Fd fd(memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!fd) return errno_error("memfd_create");
  if (auto done = write_all(fd.get(), content); !done) return done.error();
  if (lseek(fd.get(), 0, SEEK_SET) != 0) return errno_error("lseek");
  if (fcntl(fd.get(), F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) != 0) {
    return errno_error("F_ADD_SEALS");
  }
  return fd;
}

}  // namespace mailkeep::parent
