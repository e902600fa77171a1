// The large bodies of the spool: one file each, named by the message id, in one directory.
// A file is made by the queue, filled by the process that takes the message in, and durable (its data and its name)
// before the message is committed. Process: queue.
// SPDX-License-Identifier: ISC
#pragma once

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "lib/base/fd.h"
#include "lib/os/io.h"

namespace mailkeep::queue {

class LargeFiles {
 public:
  // parent/large is made when it is not there. The Io's handles must be descriptors of the kernel's.
  static Result<std::unique_ptr<LargeFiles>> open(os::Io& io, const std::string& parent);
  ~LargeFiles();
  LargeFiles(const LargeFiles&) = delete;
  LargeFiles& operator=(const LargeFiles&) = delete;

  Result<Fd> create(uint64_t id);
  Result<Fd> open_to_read(uint64_t id);
  // The data of the file, which must be `size` bytes long; gives its checksum. Its name is durable after sync_names().
  Result<uint32_t> sync(uint64_t id, uint64_t size);
  // CRC-32C of an open file. EBADMSG: it is not `size` bytes long.
  static Result<uint32_t> checksum(int fd, uint64_t size);
  Status sync_names();
  // A file that is not there is no error.
  Status remove(uint64_t id);
  // Kept under another name, which no message uses.
  Status set_aside(uint64_t id);
  // The ids of all files but those set aside and those just created.
  Result<std::vector<uint64_t>> list();

 private:
  LargeFiles(os::Io& io, int directory) : io_(io), directory_(directory) {}
  os::Io& io_;
  int directory_;
  std::unordered_map<uint64_t, int> created_;  // not yet synced
};

}  // namespace mailkeep::queue
