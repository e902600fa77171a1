// Io: the few file calls that durable code (the mail store, the spool's large files) makes, behind one seam, so that a
// test can stand in for the disk: record writes and syncs, replay every legal crash state, fail the n-th call.
//
// Opens always add O_NOFOLLOW and O_CLOEXEC; names are single path components below a directory handle. Handles are
// plain numbers that only the same Io understands: close() them there. Every error carries errno in Error::code.
// Run by any process that writes files; trusts nothing but the kernel.
// SPDX-License-Identifier: ISC
#pragma once

#include <fcntl.h>
#include <sys/types.h>
#include <sys/uio.h>

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/base/result.h"

namespace mailkeep::os {

// A file's bytes in memory, for the holder alone: what is written here reaches no file. Must not outlive its Io.
class Mapping {
 public:
  using Release = void (*)(char* data, size_t size);
  Mapping() = default;
  Mapping(char* data, size_t size, Release release) : data_(data), size_(size), release_(release) {}
  Mapping(Mapping&& other) noexcept { swap(other); }
  Mapping& operator=(Mapping&& other) noexcept {
    Mapping(std::move(other)).swap(*this);
    return *this;
  }
  ~Mapping() {
    if (release_ != nullptr) release_(data_, size_);
  }
  char* data() const { return data_; }
  size_t size() const { return size_; }

 private:
  void swap(Mapping& other) {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    std::swap(release_, other.release_);
  }
  char* data_ = nullptr;
  size_t size_ = 0;
  Release release_ = nullptr;
};

class Io {
 public:
  virtual ~Io() = default;

  virtual Result<int> openat(int dir, const std::string& name, int flags, mode_t mode = 0600) = 0;
  virtual void close(int fd) = 0;
  // Reads at most `size` bytes; fewer only at the end of the file.
  virtual Result<size_t> pread(int fd, char* into, size_t size, uint64_t offset) = 0;
  // Writes all of it or fails; after a failure any part may be there.
  virtual Status pwritev(int fd, std::span<const std::string_view> parts, uint64_t offset) = 0;
  virtual Status fdatasync(int fd) = 0;
  virtual Status fsync(int fd) = 0;  // also of a directory
  virtual Status ftruncate(int fd, uint64_t size) = 0;
  // Allocates [offset, offset+size) and grows the file to it; the bytes read as zero. EOPNOTSUPP where unknown.
  virtual Status fallocate(int fd, uint64_t offset, uint64_t size) = 0;
  virtual Status renameat(int from_dir, const std::string& from, int to_dir, const std::string& to) = 0;
  virtual Status unlinkat(int dir, const std::string& name) = 0;
  virtual Status mkdirat(int dir, const std::string& name, mode_t mode = 0700) = 0;
  // The names in a directory, without "." and "..", sorted.
  virtual Result<std::vector<std::string>> readdir(int dir) = 0;
  virtual Result<uint64_t> file_size(int fd) = 0;
  // Where what was ever written at or behind `from` ends: from there on the file is zeros that need not be read. At
  // most its size, which is the answer where the file system cannot tell.
  virtual Result<uint64_t> data_end(int fd, uint64_t from) = 0;
  // The file's first `size` bytes, which must be there as long as the mapping is.
  virtual Result<Mapping> map(int fd, uint64_t size) = 0;
};

// The kernel's own.
class RealIo : public Io {
 public:
  Result<int> openat(int dir, const std::string& name, int flags, mode_t mode = 0600) override;
  void close(int fd) override;
  Result<size_t> pread(int fd, char* into, size_t size, uint64_t offset) override;
  Status pwritev(int fd, std::span<const std::string_view> parts, uint64_t offset) override;
  Status fdatasync(int fd) override;
  Status fsync(int fd) override;
  Status ftruncate(int fd, uint64_t size) override;
  Status fallocate(int fd, uint64_t offset, uint64_t size) override;
  Status renameat(int from_dir, const std::string& from, int to_dir, const std::string& to) override;
  Status unlinkat(int dir, const std::string& name) override;
  Status mkdirat(int dir, const std::string& name, mode_t mode = 0700) override;
  Result<std::vector<std::string>> readdir(int dir) override;
  Result<uint64_t> file_size(int fd) override;
  Result<uint64_t> data_end(int fd, uint64_t from) override;
  Result<Mapping> map(int fd, uint64_t size) override;
};

}  // namespace mailkeep::os
