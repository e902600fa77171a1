// Reads a whole regular file.
// SPDX-License-Identifier: ISC
#include "lib/conf/read.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "lib/base/fd.h"

namespace mailkeep::conf {

Result<std::string> read_file(const std::string& path, size_t max) {
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!fd) return errno_error("open " + path);
  struct stat st {};
  if (::fstat(fd.get(), &st) != 0) return errno_error("stat " + path);
  if (!S_ISREG(st.st_mode)) return Error(path + ": not a regular file");
  std::string out;
  char buffer[16384];
  for (;;) {
    const ssize_t n = ::read(fd.get(), buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno_error("read " + path);
    if (n == 0) return out;
    out.append(buffer, static_cast<size_t>(n));
    if (out.size() > max) return Error(path + ": larger than " + std::to_string(max) + " bytes", EFBIG);
  }
}

}  // namespace mailkeep::conf
