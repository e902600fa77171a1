// Buffered byte streams: see stream.h.
// SPDX-License-Identifier: ISC
#include "lib/event/stream.h"

#include <sys/socket.h>

#include <cerrno>

namespace mailkeep::event {

namespace {
constexpr size_t kKept = 8 * 1024;  // of an empty buffer: what waits for its peer must not hold what it once needed

void empty(std::string& buffer) {
  buffer.clear();
  if (buffer.capacity() > kKept) std::string().swap(buffer);
}
}  // namespace

Stream::Stream(Loop& loop, Fd fd, size_t max_input, Callbacks callbacks)
    : loop_(loop),
      fd_(std::move(fd)),
      max_input_(max_input),
      callbacks_(std::make_shared<Callbacks>(std::move(callbacks))),
      watch_(loop, fd_.get(), [this](unsigned ready) { on_ready(ready); }),
      alive_(std::make_shared<bool>(true)) {
  update();
}

Stream::~Stream() { *alive_ = false; }

void Stream::update() {
  unsigned want = Watch::kNone;
  if (!failed_ && fd_) {
    if (!paused_ && input().size() < max_input_) want |= Watch::kRead;
    if (unsent() > 0 && was_congested_) want |= Watch::kWrite;
  }
  watch_.want(want);
}

void Stream::on_ready(unsigned ready) {
  const auto alive = alive_;
  if ((ready & Watch::kWrite) != 0) {
    if (!flush()) return;
    const auto callbacks = callbacks_;
    if (unsent() == 0 && callbacks->drained) callbacks->drained();
    if (!*alive) return;
  }
  if ((ready & Watch::kRead) != 0) read_some();
}

void Stream::read_some() {
  char chunk[kReadChunk];
  const size_t room = std::min(sizeof chunk, max_input_ - std::min(max_input_, input().size()));
  if (room == 0) return update();
  const ssize_t n = ::recv(fd_.get(), chunk, room, MSG_DONTWAIT);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (n <= 0) return fail(n == 0 ? 0 : errno);
  in_.append(chunk, static_cast<size_t>(n));
  update();
  const auto callbacks = callbacks_;
  if (callbacks->readable) callbacks->readable();
}

void Stream::consume(size_t n) {
  in_at_ += n;
  if (in_at_ == in_.size()) {
    empty(in_);
    in_at_ = 0;
  } else if (in_at_ > 64 * 1024) {
    in_.erase(0, in_at_);
    in_at_ = 0;
  }
  update();
}

void Stream::schedule() {
  if (scheduled_) return;
  scheduled_ = true;
  loop_.defer([this, alive = alive_] {
    if (!*alive) return;
    scheduled_ = false;
    const bool is_owed = was_congested_ || congested();
    const auto callbacks = callbacks_;
    if (flush() && is_owed && unsent() == 0 && callbacks->drained) callbacks->drained();
  });
}

void Stream::write(std::string_view bytes) {
  if (failed_ || bytes.empty()) return;
  out_ += bytes;
  if (!was_congested_) schedule();
}

bool Stream::flush() {
  if (failed_) return false;
  while (unsent() > 0) {
    const ssize_t n = ::send(fd_.get(), out_.data() + out_at_, unsent(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) break;
    if (n < 0) {
      fail(errno);
      return false;
    }
    out_at_ += static_cast<size_t>(n);
  }
  was_congested_ = unsent() > 0;
  if (unsent() == 0) {
    empty(out_);
    out_at_ = 0;
  } else if (out_at_ > 64 * 1024) {
    out_.erase(0, out_at_);
    out_at_ = 0;
  }
  update();
  return true;
}

void Stream::pause(bool paused) {
  paused_ = paused;
  update();
}

// The owner hears of it after the callback that may have led here, so it can destroy the stream safely.
void Stream::fail(int error) {
  if (failed_) return;
  failed_ = true;
  update();
  loop_.defer([this, alive = alive_, error] {
    if (!*alive) return;
    const auto callbacks = callbacks_;
    if (callbacks->closed) callbacks->closed(error);
  });
}

Fd Stream::take_fd() {
  failed_ = true;
  watch_.want(Watch::kNone);
  return std::move(fd_);
}

}  // namespace mailkeep::event
