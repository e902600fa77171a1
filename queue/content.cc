// Sealed memory files. See content.h.
// SPDX-License-Identifier: ISC
#include "queue/content.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "lib/base/limits.h"

namespace mailkeep::queue {

constexpr int kSeals = F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW;

Result<Fd> make_memory_file(std::string_view content) {
  Fd file(::memfd_create("message", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!file) return errno_error("memfd_create");
  while (!content.empty()) {
    const ssize_t n = ::write(file.get(), content.data(), content.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return errno_error("write memory file");
    content.remove_prefix(static_cast<size_t>(n));
  }
  if (::fcntl(file.get(), F_ADD_SEALS, kSeals | F_SEAL_SEAL) != 0) return errno_error("seal memory file");
  return file;
}

Result<std::string> read_memory_file(int fd, uint64_t size) {
  if (size > kSmallMessage) return Error("memory file: larger than a small message", EINVAL);
  const int seals = ::fcntl(fd, F_GET_SEALS);
  if (seals < 0 || (seals & kSeals) != kSeals) return Error("memory file: not sealed", EINVAL);
  struct stat st = {};
  if (::fstat(fd, &st) != 0) return errno_error("fstat memory file");
  if (static_cast<uint64_t>(st.st_size) != size) return Error("memory file: its size is not what was said", EINVAL);
  std::string out(size, '\0');
  for (size_t done = 0; done < size;) {
    const ssize_t n = ::pread(fd, out.data() + done, size - done, static_cast<off_t>(done));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return errno_error("read memory file");
    done += static_cast<size_t>(n);
  }
  return out;
}

}  // namespace mailkeep::queue
