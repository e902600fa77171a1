// The large bodies of the spool. See files.h.
// SPDX-License-Identifier: ISC
#include "queue/files.h"

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

Status LargeFiles::sync(uint64_t id, uint64_t size) {
  const auto it = created_.find(id);
  if (it == created_.end()) return Error("large/" + hex64(id) + ": was not made here", ENOENT);
  const Result<uint64_t> actual = io_.file_size(it->second);
  if (!actual) return actual.error();
  if (*actual != size) return Error("large/" + hex64(id) + ": its size is not what was said", EINVAL);
  if (Status s = io_.fdatasync(it->second); !s) return s;
  io_.close(it->second);
  created_.erase(it);
  return {};
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
