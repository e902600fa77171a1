// Io by the kernel's own calls.
// SPDX-License-Identifier: ISC
#include "lib/os/io.h"

#include <dirent.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <climits>

namespace mailkeep::os {

namespace {

Status done(int rc, const char* what) {
  if (rc != 0) return errno_error(what);
  return {};
}

bool is_single_name(const std::string& name) {
  return !name.empty() && name != ".." && name.find('/') == std::string::npos && name.find('\0') == std::string::npos;
}

}  // namespace

Result<int> RealIo::openat(int dir, const std::string& name, int flags, mode_t mode) {
  if (!is_single_name(name)) return Error("open: not a single name: " + name, EINVAL);
  const int fd = ::openat(dir, name.c_str(), flags | O_NOFOLLOW | O_CLOEXEC, mode);
  if (fd < 0) return errno_error("open " + name);
  return fd;
}

void RealIo::close(int fd) { ::close(fd); }

Result<size_t> RealIo::pread(int fd, char* into, size_t size, uint64_t offset) {
  size_t got = 0;
  while (got < size) {
    const ssize_t n = ::pread(fd, into + got, size - got, static_cast<off_t>(offset + got));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno_error("pread");
    if (n == 0) break;
    got += static_cast<size_t>(n);
  }
  return got;
}

Status RealIo::pwritev(int fd, std::span<const std::string_view> parts, uint64_t offset) {
  std::vector<iovec> todo;
  todo.reserve(parts.size());
  for (std::string_view part : parts) {
    if (!part.empty()) todo.push_back({const_cast<char*>(part.data()), part.size()});  // NOLINT: iovec has no const
  }
  size_t at = 0;
  while (at < todo.size()) {
    const int count = static_cast<int>(std::min<size_t>(todo.size() - at, IOV_MAX));
    const ssize_t n = ::pwritev(fd, &todo[at], count, static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno_error("pwritev");
    if (n == 0) return Error("pwritev: nothing written", EIO);
    offset += static_cast<uint64_t>(n);
    for (size_t left = static_cast<size_t>(n); left > 0;) {
      const size_t take = std::min(left, todo[at].iov_len);
      todo[at].iov_base = static_cast<char*>(todo[at].iov_base) + take;
      todo[at].iov_len -= take;
      left -= take;
      if (todo[at].iov_len == 0) ++at;
    }
  }
  return {};
}

Status RealIo::fdatasync(int fd) { return done(::fdatasync(fd), "fdatasync"); }
Status RealIo::fsync(int fd) { return done(::fsync(fd), "fsync"); }
Status RealIo::ftruncate(int fd, uint64_t size) { return done(::ftruncate(fd, static_cast<off_t>(size)), "ftruncate"); }
Status RealIo::fallocate(int fd, uint64_t offset, uint64_t size) {
  return done(::fallocate(fd, 0, static_cast<off_t>(offset), static_cast<off_t>(size)), "fallocate");
}

Status RealIo::renameat(int from_dir, const std::string& from, int to_dir, const std::string& to) {
  if (!is_single_name(from) || !is_single_name(to)) return Error("rename: not a single name", EINVAL);
  return done(::renameat(from_dir, from.c_str(), to_dir, to.c_str()), "rename");
}

Status RealIo::unlinkat(int dir, const std::string& name) {
  if (!is_single_name(name)) return Error("unlink: not a single name", EINVAL);
  return done(::unlinkat(dir, name.c_str(), 0), "unlink");
}

Status RealIo::mkdirat(int dir, const std::string& name, mode_t mode) {
  if (!is_single_name(name)) return Error("mkdir: not a single name", EINVAL);
  return done(::mkdirat(dir, name.c_str(), mode), "mkdir");
}

Result<std::vector<std::string>> RealIo::readdir(int dir) {
  const int fd = ::openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return errno_error("open directory");
  DIR* stream = ::fdopendir(fd);
  if (stream == nullptr) {
    const Error failed = errno_error("fdopendir");
    ::close(fd);
    return failed;
  }
  std::vector<std::string> names;
  errno = 0;
  while (const dirent* entry = ::readdir(stream)) {
    const std::string name = entry->d_name;
    if (name != "." && name != "..") names.push_back(name);
    errno = 0;
  }
  const int failure = errno;
  ::closedir(stream);
  if (failure != 0) return errno_error("readdir", failure);
  std::sort(names.begin(), names.end());
  return names;
}

Result<uint64_t> RealIo::file_size(int fd) {
  struct stat st {};
  if (::fstat(fd, &st) != 0) return errno_error("fstat");
  return static_cast<uint64_t>(st.st_size);
}

Result<uint64_t> RealIo::data_end(int fd, uint64_t from) {
  auto size = file_size(fd);
  if (!size) return size;
  auto end = from;
  while (end < *size) {
    const off_t data = ::lseek(fd, static_cast<off_t>(end), SEEK_DATA);
    if (data < 0) return errno == ENXIO ? end : *size;
    const off_t hole = ::lseek(fd, data, SEEK_HOLE);
    if (hole < 0) return *size;
    end = static_cast<uint64_t>(hole);
  }
  return std::min(end, *size);
}

Result<Mapping> RealIo::map(int fd, uint64_t size) {
  if (size == 0) return Mapping();
  void* data = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
  if (data == MAP_FAILED) return errno_error("mmap");
  return Mapping(static_cast<char*>(data), size, [](char* at, size_t length) { ::munmap(at, length); });
}

}  // namespace mailkeep::os
