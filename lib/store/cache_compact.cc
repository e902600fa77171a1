// Copying what is alive in the header cache into a new one.
// SPDX-License-Identifier: ISC
#include "lib/store/cache.h"

namespace mailkeep::store {

namespace {

constexpr size_t kCopyAtOnce = 1U << 20;  // bytes in one step
constexpr size_t kLookAtOnce = 2000;      // messages in one step

}  // namespace

struct HeaderCache::Copy {
  int fd = -1;
  uint64_t generation = 0;
  uint64_t end = 0;
  ObjectId next = 0;                              // the first object not yet looked at
  std::vector<std::pair<ObjectId, uint64_t>> at;  // where a record is, plus one; ascending
  std::vector<uint64_t> was_at;                   // and where it was
  std::string buffer;
};

HeaderCache::HeaderCache(os::Io& io, int dir, State& state, Known known, uint64_t small)
    : io_(io), dir_(dir), state_(state), known_(known), small_(small) {}

HeaderCache::~HeaderCache() {
  drop_copy();
  if (fd_ >= 0) io_.close(fd_);
}

bool HeaderCache::wants_compaction() {
  if (!may_compact_ || (!is_open_ && known_.end < small_) || !open()) return false;
  return end_ >= small_ && state_.cached_bytes() < end_ / 2;
}

bool HeaderCache::compact_step() {
  if (copy_ == nullptr) {
    scan();
    const auto fd = io_.openat(dir_, "cache.tmp", O_RDWR | O_CREAT | O_TRUNC);
    may_compact_ = fd.has_value();
    if (!fd) return false;
    copy_ = std::make_unique<Copy>();
    copy_->fd = *fd;
    copy_->generation = new_generation();
    copy_->buffer = file_head(copy_->generation);
  }
  if (copy_some()) return true;
  if (copy_ == nullptr || !take_copy()) {
    may_compact_ = false;  // such as on a full disk: not again in this process
    drop_copy();
  }
  return false;
}

// False: all is copied, or it cannot be.
bool HeaderCache::copy_some() {
  Copy& copy = *copy_;
  size_t looked_at = 0;
  bool has_more = false;
  state_.bodies().visit(copy.next, [&](const Body& body) {
    if (copy.buffer.size() >= kCopyAtOnce || looked_at++ >= kLookAtOnce) {
      has_more = true;
      return false;
    }
    copy.next = body.object + 1;
    if (const auto bytes = read(body)) {
      copy.at.emplace_back(body.object, copy.end + copy.buffer.size() + 1);
      copy.was_at.push_back(body.cache_at);
      copy.buffer += *bytes;
    }
    return true;
  });
  const std::string_view parts[] = {copy.buffer};
  if (!io_.pwritev(copy.fd, parts, copy.end)) {
    drop_copy();
    return false;
  }
  copy.end += copy.buffer.size();
  copy.buffer.clear();
  return has_more;
}

// What was added meanwhile for messages that had been looked at is lost, and made again when it is asked for.
bool HeaderCache::take_copy() {
  Copy& copy = *copy_;
  if (!io_.fsync(copy.fd) || !io_.renameat(dir_, "cache.tmp", dir_, "cache")) return false;
  io_.close(fd_);
  fd_ = std::exchange(copy.fd, -1);
  end_ = copy.end;
  buffer_.clear();
  generation_ = copy.generation;
  known_ = {generation_, end_};
  size_t i = 0;
  state_.bodies().visit(0, [&](Body& body) {
    while (i < copy.at.size() && copy.at[i].first < body.object) ++i;
    const bool is_there = i < copy.at.size() && copy.at[i].first == body.object && copy.was_at[i] == body.cache_at;
    state_.set_cached(body, is_there ? copy.at[i].second : 0, is_there ? body.cache_size : 0);
    return true;
  });
  copy_.reset();
  return true;
}

void HeaderCache::drop_copy() {
  if (copy_ == nullptr) return;
  if (copy_->fd >= 0) io_.close(copy_->fd);
  copy_.reset();
  [[maybe_unused]] const Status gone = io_.unlinkat(dir_, "cache.tmp");
}

}  // namespace mailkeep::store
