// Stream: a buffered, non-blocking byte stream over an owned descriptor, with back-pressure both ways.
// SPDX-License-Identifier: ISC
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "lib/base/fd.h"
#include "lib/event/loop.h"

namespace mailkeep::event {

class Stream {
 public:
  struct Callbacks {
    // New bytes are in input(). Take them with consume().
    std::function<void()> readable;
    // Output fell to nothing after a write had not gone out at once, or after congested().
    std::function<void()> drained;
    // The peer ended or the connection failed (errno, 0 for an orderly end). Called once; then destroy it.
    std::function<void(int error)> closed;
  };
  static constexpr size_t kReadChunk = 16 * 1024;
  static constexpr size_t kHighWater = 256 * 1024;

  // `max_input`: reading stops while this much waits in input() unconsumed.
  Stream(Loop& loop, Fd fd, size_t max_input, Callbacks callbacks);
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  ~Stream();

  std::string_view input() const { return std::string_view(in_).substr(in_at_); }
  void consume(size_t n);
  // Queues bytes; written when the turn ends, or by flush().
  void write(std::string_view bytes);
  bool flush();  // false: the connection has failed (closed is called later, in this turn)
  bool congested() const { return out_.size() - out_at_ >= kHighWater; }
  size_t unsent() const { return out_.size() - out_at_; }
  // Reading on or off (on at first).
  void pause(bool paused);
  int fd() const { return fd_.get(); }
  // Gives up the descriptor, for passing it to another process. Unsent output is lost: flush() first.
  Fd take_fd();

 private:
  void on_ready(unsigned ready);
  void read_some();
  void fail(int error);
  void update();
  void schedule();

  Loop& loop_;
  Fd fd_;
  size_t max_input_;
  std::shared_ptr<Callbacks> callbacks_;  // shared: a callback may destroy the stream while it runs
  Watch watch_;
  std::string in_;
  size_t in_at_ = 0;
  std::string out_;
  size_t out_at_ = 0;
  bool paused_ = false;
  bool scheduled_ = false;
  bool failed_ = false;
  bool was_congested_ = false;
  std::shared_ptr<bool> alive_;
};

}  // namespace mailkeep::event
