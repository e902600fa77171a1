// The mapped index: see index.h.
// SPDX-License-Identifier: ISC
#include "lib/store/index.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "lib/base/crc32c.h"

namespace mailkeep::store {

namespace {

constexpr uint64_t kMagic = 0x3158444e494b4dff;  // also tells the order of bytes
constexpr size_t kChunk = 64 * 1024;
constexpr uint64_t kMaxCount = uint64_t{1} << 32;  // of anything in it
static_assert(sizeof(Index::Head) == 104 && sizeof(Index::Head) % 8 == 0);

std::string_view bytes_of(const auto& value) { return {reinterpret_cast<const char*>(&value), sizeof value}; }
template <class T>
std::string_view bytes_of(std::span<const T> values) {
  return {reinterpret_cast<const char*>(values.data()), values.size_bytes()};
}

uint32_t head_crc(Index::Head head) {
  head.head_crc = 0;
  return crc32c(bytes_of(head));
}

// Appends to a file, by the chunk.
class Appender {
 public:
  Appender(os::Io& io, int fd, uint64_t at) : io_(io), fd_(fd), at_(at) {}
  void add(std::string_view bytes) {
    crc_ = crc32c(bytes, crc_);
    if (buffer_.size() + bytes.size() > kChunk)
      write(bytes);
    else
      buffer_ += bytes;
  }
  Status end() {
    write({});
    return status_;
  }
  uint32_t crc() const { return crc_; }
  uint64_t at() const { return at_; }

 private:
  void write(std::string_view bytes) {
    const std::string_view parts[] = {buffer_, bytes};
    if (status_) status_ = io_.pwritev(fd_, parts, at_);
    at_ += buffer_.size() + bytes.size();
    buffer_.clear();
  }
  os::Io& io_;
  int fd_;
  uint64_t at_;
  uint32_t crc_ = 0;
  std::string buffer_;
  Status status_;
};

Result<uint64_t> write_file(os::Io& io, int fd, State& state, Index::Head head, int64_t forget_before) {
  Appender out(io, fd, sizeof head);
  state.bodies().visit(0, [&](const Body& body) {
    ++head.bodies;
    out.add(bytes_of(body));
    return true;
  });
  state.deliveries().visit([&](const Delivery& delivery) {
    if (delivery.when < forget_before) return;
    ++head.deliveries;
    out.add(bytes_of(delivery));
  });
  for (const auto& [id, box] : state.boxes()) {
    head.rows += box->messages.size();
    out.add(bytes_of(box->messages.base()));
    out.add(bytes_of(box->messages.tail()));
  }
  const std::string text = state.encode_heads();
  head.text_size = text.size();
  out.add(text);
  if (auto written = out.end(); !written) return written.error();
  head.magic = kMagic;
  head.last_seq = state.last_seq();
  head.cached_bytes = state.cached_bytes();
  head.rest_crc = out.crc();
  head.head_crc = head_crc(head);
  const std::string_view parts[] = {bytes_of(head)};
  if (auto written = io.pwritev(fd, parts, 0); !written) return written.error();
  if (auto synced = io.fsync(fd); !synced) return synced.error();
  return out.at();
}

Error damaged(const char* what) { return Error(std::string("index: ") + what, EBADMSG); }

Status verify(os::Io& io, int fd, uint64_t size, uint32_t crc) {
  std::array<char, kChunk> chunk;
  uint32_t sum = 0;
  for (uint64_t at = sizeof(Index::Head); at < size;) {
    auto got = io.pread(fd, chunk.data(), std::min<uint64_t>(chunk.size(), size - at), at);
    if (!got) return got.error();
    if (*got == 0) return damaged("shorter than it says");
    sum = crc32c(std::string_view(chunk.data(), *got), sum);
    at += *got;
  }
  if (sum != crc) return damaged("wrong checksum");
  return {};
}

}  // namespace

Result<uint64_t> Index::write(os::Io& io, int dir, State& state, Head head, int64_t forget_before) {
  auto fd = io.openat(dir, "checkpoint.tmp", O_RDWR | O_CREAT | O_TRUNC);
  if (!fd) return fd.error();
  auto size = write_file(io, *fd, state, head, forget_before);
  io.close(*fd);
  Status done = size ? io.renameat(dir, "checkpoint.tmp", dir, "checkpoint") : Status(size.error());
  if (!done) {
    // On a full disk every byte counts; should it stay, the next one writes over it.
    [[maybe_unused]] const Status gone = io.unlinkat(dir, "checkpoint.tmp");
    return done.error();
  }
  if (auto synced = io.fsync(dir); !synced) return synced.error();
  return size;
}

Result<Index> Index::open(os::Io& io, int dir, bool verifies) {
  auto fd = io.openat(dir, "checkpoint", O_RDONLY);
  if (!fd) return fd.error();
  struct Close {
    os::Io& io;
    int fd;
    ~Close() { io.close(fd); }
  } const close{io, *fd};
  const auto size = io.file_size(*fd);
  if (!size) return size.error();
  Head head;
  auto got = io.pread(*fd, reinterpret_cast<char*>(&head), sizeof head, 0);
  if (!got) return got.error();
  if (*got != sizeof head || head.magic != kMagic || head.head_crc != head_crc(head)) return damaged("no sound head");
  if (head.bodies > kMaxCount || head.deliveries > kMaxCount || head.rows > kMaxCount || head.text_size > kMaxCount) {
    return damaged("impossible counts");
  }
  Index index(head, {});
  if (*size != index.text_at() + head.text_size) return damaged("not as long as it says");
  if (verifies) {
    if (auto verified = verify(io, *fd, *size, head.rest_crc); !verified) return verified.error();
  }
  auto mapping = io.map(*fd, *size);
  if (!mapping) return mapping.error();
  index.mapping_ = std::move(*mapping);
  return index;
}

bool Index::load_into(State& state) && {
  const auto rows = part<Message>(rows_at(), head_.rows);
  state.set_last_seq(head_.last_seq);
  state.set_cached_bytes(head_.cached_bytes);
  if (!state.decode_heads({mapping_.data() + text_at(), head_.text_size}, rows)) return false;
  std::move(*this).give_to(state);
  return true;
}

void Index::give_to(State& state) && {
  const auto rows = part<Message>(rows_at(), head_.rows);
  const auto all_bodies = bodies();
  const auto all_deliveries = part<const Delivery>(deliveries_at(), head_.deliveries);
  state.adopt(std::move(mapping_), rows, all_bodies, all_deliveries);
}

}  // namespace mailkeep::store
