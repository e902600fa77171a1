// The large bodies of the spool. See files.h.
// SPDX-License-Identifier: ISC
#include "queue/files.h"

#include <sys/stat.h>

#include "lib/base/crc32c.h"
#include "lib/base/text.h"

namespace mailkeep::queue {

Result<std::unique_ptr<LargeFiles>> LargeFiles::open(os::Io& io, const std::string& parent) {
  const Fd top(::open(parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!top) return errno_error("open " + parent);
  const Status made = io.mkdirat(top.get(), "large");
  Result<int> directory = io.openat(top.get(), "large", O_RDONLY | O_DIRECTORY);
  const Status named = made ? io.fsync(top.get()) : Status();
  if (!directory) return made || made.error().code == EEXIST ? directory.error() : made.error();
  std::unique_ptr<LargeFiles> files(new LargeFiles(io, *directory));
  if (!named) return named.error();
  return files;
}

LargeFiles::~LargeFiles() {
  for (const auto& [id, fd] : created_) io_.close(fd);
  io_.close(directory_);
}

static Result<Fd> duplicate(int fd) {
  Fd copy(::fcntl(fd, F_DUPFD_CLOEXEC, 3));
  if (!copy) return errno_error("dup");
  return copy;
}

Result<Fd> LargeFiles::create(uint64_t id) {
  const Result<int> fd = io_.openat(directory_, hex64(id), O_RDWR | O_CREAT | O_EXCL);
  if (!fd) return fd.error();
  created_.emplace(id, *fd);
  return duplicate(*fd);
}

Result<Fd> LargeFiles::open_to_read(uint64_t id) {
  const Result<int> fd = io_.openat(directory_, hex64(id), O_RDONLY);
  if (!fd) return fd.error();
  Result<Fd> copy = duplicate(*fd);
  io_.close(*fd);
  return copy;
}

Result<uint32_t> LargeFiles::checksum(int fd, uint64_t size) {
  struct stat st = {};
  if (::fstat(fd, &st) != 0) return errno_error("fstat");
  if (static_cast<uint64_t>(st.st_size) != size) return Error("file has a wrong length", EBADMSG);
  std::string block(256 * 1024, '\0');
  uint32_t crc = 0;
  for (uint64_t at = 0; at < size;) {
    const ssize_t n = ::pread(fd, block.data(), std::min<uint64_t>(block.size(), size - at), static_cast<off_t>(at));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno_error("read");
    if (n == 0) return Error("file has a wrong length", EBADMSG);
    crc = crc32c(std::string_view(block).substr(0, static_cast<size_t>(n)), crc);
    at += static_cast<uint64_t>(n);
  }
  return crc;
}

Result<uint32_t> LargeFiles::sync(uint64_t id, uint64_t size) {
  const auto it = created_.find(id);
  if (it == created_.end()) return Error("large/" + hex64(id) + ": was not made here", ENOENT);
  const Result<uint64_t> actual = io_.file_size(it->second);
  if (!actual) return actual.error();
  if (*actual != size) return Error("large/" + hex64(id) + ": its size is not what was said", EINVAL);
  const Result<uint32_t> crc = checksum(it->second, size);  // first: should it be altered now, that shows later
  if (!crc) return crc.error();
  if (Status s = io_.fdatasync(it->second); !s) return s.error();
  io_.close(it->second);
  created_.erase(it);
  return *crc;
}

Status LargeFiles::sync_names() { return io_.fsync(directory_); }

Status LargeFiles::remove(uint64_t id) {
  if (const auto it = created_.find(id); it != created_.end()) {
    io_.close(it->second);
    created_.erase(it);
  }
  Status s = io_.unlinkat(directory_, hex64(id));
  return !s && s.error().code == ENOENT ? Status() : s;
}

Status LargeFiles::set_aside(uint64_t id) {
  Status s = io_.renameat(directory_, hex64(id), directory_, hex64(id) + ".aside");
  return !s && s.error().code == ENOENT ? Status() : s;
}

Result<std::vector<uint64_t>> LargeFiles::list() {
  const Result<std::vector<std::string>> names = io_.readdir(directory_);
  if (!names) return names.error();
  std::vector<uint64_t> ids;
  for (const std::string& name : *names) {
    const auto id = name.size() == 16 ? parse_hex64(name) : std::nullopt;
    if (id && !created_.contains(*id)) ids.push_back(*id);
  }
  return ids;
}

}  // namespace mailkeep::queue
