// Channel: one end of a socketpair to a peer process. Frames in order, descriptors with their frame.
//
//   frame: u32 length (whole frame) · u16 type · u8 descriptors · u8 zero · body
//
// A descriptor for which the receiver has no room arrives as an empty Fd: the handler refuses that one request, and the
// sender is not to blame. Frames of one turn leave together at its end. A frame that is malformed ends the channel:
// `broken` is called once and the owner decides what becomes of the peer. Sending never blocks and never fails here:
// what does not fit waits in memory, up to kMaxUnread; congested() tells when to stop producing.
// SPDX-License-Identifier: ISC
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "lib/event/loop.h"
#include "lib/imsg/codec.h"

namespace mailkeep::imsg {

// What `broken` says when the peer has gone, rather than misbehaved.
constexpr std::string_view kEndOfFile = "end of file";

struct Frame {
  uint16_t type = 0;
  std::string_view body;
  std::deque<Fd> fds;  // what came with it; the rest is closed with the frame
};

class Channel {
 public:
  struct Callbacks {
    // One frame; false means it was malformed or not allowed: the channel breaks.
    std::function<bool(Frame&)> frame;
    // The peer is gone ("end of file") or misbehaved. Called once, outside of other callbacks.
    std::function<void(std::string_view why)> broken;
  };
  static constexpr size_t kHighWater = 1024 * 1024;
  // A peer that leaves so much unread is no longer served: the channel breaks.
  static constexpr size_t kMaxUnread = 64 * 1024 * 1024;

  Channel(event::Loop& loop, Fd fd, Callbacks callbacks);
  ~Channel();
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;

  // Queues `message`; its descriptors move into the channel.
  template <class M>
  void send(const M& message) {
    Encoder e;
    M::fields(e, message);
    push(M::kType, std::move(e.bytes()), e.fds());
  }
  void push(uint16_t type, std::string body, const std::vector<Fd*>& fds);
  void flush();
  bool congested() const;
  bool ok() const;
#ifdef MAILKEEP_CAPTIVE
  int captive_fd() const;
#endif

 private:
  struct State;
  std::unique_ptr<State> s_;
};

// For the time before a loop runs: blocking send and receive of one message on a bare descriptor.
Status write_frame(int fd, uint16_t type, const std::string& body, const std::vector<Fd*>& fds);
struct BlockingFrame {
  uint16_t type = 0;
  std::string body;
  std::deque<Fd> fds;
};
Result<BlockingFrame> read_frame(int fd);

}  // namespace mailkeep::imsg

#ifdef MAILKEEP_CAPTIVE
// The captive build's hook: regress/captive has it.
namespace mailkeep::captive {
void record(const imsg::Channel* channel, uint16_t type, const std::string& body);
}
#endif
