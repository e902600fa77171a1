// Messages that are files of their own, big/<object>. Written a piece at a time, so that one costs no memory, and
// synced with their directory before the record that names them.
// SPDX-License-Identifier: ISC
#include <algorithm>

#include "lib/base/crc32c.h"
#include "lib/base/text.h"
#include "lib/store/account_store.h"
#include "lib/store/names.h"

namespace mailkeep::store {

namespace {

constexpr size_t kPiece = 64 * 1024;  // stays in the processor's cache between reading, checksum and writing

// Writes head and rest into the file; gives their checksum.
Result<uint32_t> write_pieces(os::Io& io, int fd, std::string_view head, const Content& rest) {
  uint32_t crc = crc32c(head);
  if (auto written = io.pwritev(fd, {&head, 1}, 0); !written) return written.error();
  std::vector<char> buffer(std::min<uint64_t>(rest.size, kPiece));
  for (uint64_t at = 0; at < rest.size;) {
    const std::span<char> piece(buffer.data(), std::min<uint64_t>(buffer.size(), rest.size - at));
    if (auto read = rest.read(at, piece); !read) return read.error();
    const std::string_view bytes(piece.data(), piece.size());
    crc = crc32c(bytes, crc);
    if (auto written = io.pwritev(fd, {&bytes, 1}, head.size() + at); !written) return written.error();
    at += piece.size();
  }
  return crc;
}

}  // namespace

Result<uint32_t> AccountStore::write_big(ObjectId object, std::string_view head, const Content& rest) {
  if (auto opened = open_big(true); !opened) return opened.error();
  auto fd = io_.openat(big_dir_, hex64(object), O_RDWR | O_CREAT | O_TRUNC);
  if (!fd) return fd.error();
  auto crc = write_pieces(io_, *fd, head, rest);
  Status synced = crc ? io_.fdatasync(*fd) : Status();
  if (crc && synced) synced = io_.fsync(big_dir_);
  io_.close(*fd);
  if (crc && synced) return crc;
  remove_big(object);
  return crc ? synced.error() : crc.error();
}

void AccountStore::remove_big(ObjectId object) {
  const std::string name = hex64(object);
  if (auto gone = io_.unlinkat(big_dir_, name); !gone) report("store: big/" + name + ": " + gone.error().text);
}

Result<Summary> AccountStore::summarize_big(ObjectId object, uint64_t size) {
  auto fd = io_.openat(big_dir_, hex64(object), O_RDONLY);
  if (!fd) return fd.error();
  auto mapping = io_.map(*fd, size);
  io_.close(*fd);
  if (!mapping) return mapping.error();
  return options_.summarize(std::string_view(mapping->data(), mapping->size()));
}

}  // namespace mailkeep::store
