// Frames over a socketpair: see channel.h.
// SPDX-License-Identifier: ISC
#include "lib/imsg/channel.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <array>

namespace mailkeep::imsg {

namespace {

constexpr size_t kHeader = 8;
constexpr size_t kReadChunk = 64 * 1024;
constexpr int kReadsPerTurn = 128;    // of one channel; then the other events of the turn have their go
constexpr size_t kMaxQueuedFds = 64;  // received and not yet claimed; more is a peer that misbehaves

struct Outgoing {
  std::string bytes;
  std::vector<Fd> fds;
};

std::string frame_bytes(uint16_t type, const std::string& body, size_t fds) {
  const size_t length = kHeader + body.size();
  if (length > kMaxMessage || fds > kMaxFds) fatal("imsg: frame over its cap, type " + std::to_string(type));
  std::string out;
  out.reserve(length);
  const auto n = static_cast<uint32_t>(length);
  out.append(reinterpret_cast<const char*>(&n), 4);
  out.append(reinterpret_cast<const char*>(&type), 2);
  out += static_cast<char>(fds);
  out += '\0';
  out += body;
  return out;
}

struct Header {
  uint32_t length = 0;
  uint16_t type = 0;
  uint8_t fds = 0;
};

// False: not a header any of ours would send.
bool parse_header(std::string_view in, Header& h) {
  std::memcpy(&h.length, in.data(), 4);
  std::memcpy(&h.type, in.data() + 4, 2);
  h.fds = static_cast<uint8_t>(in[6]);
  return h.length >= kHeader && h.length <= kMaxMessage && h.fds <= kMaxFds && in[7] == 0;
}

struct Control {
  alignas(struct cmsghdr) std::array<char, CMSG_SPACE(sizeof(int) * kMaxFds)> bytes{};
};

ssize_t send_with_fds(int fd, std::string_view bytes, const std::vector<Fd>& fds, int flags) {
  struct iovec iov = {const_cast<char*>(bytes.data()), bytes.size()};
  struct msghdr msg {};
  msg.msg_iov = &iov;
  msg.msg_iovlen = 1;
  Control control;
  if (!fds.empty()) {
    msg.msg_control = control.bytes.data();
    msg.msg_controllen = CMSG_SPACE(sizeof(int) * fds.size());
    struct cmsghdr* c = CMSG_FIRSTHDR(&msg);
    if (c == nullptr) fatal("imsg: no room for descriptors");
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof(int) * fds.size());
    for (size_t i = 0; i < fds.size(); i++) {
      const int raw = fds[i].get();
      std::memcpy(CMSG_DATA(c) + i * sizeof raw, &raw, sizeof raw);
    }
  }
  return ::sendmsg(fd, &msg, flags | MSG_NOSIGNAL);
}

// An empty Fd in `fds` stands for all that is missing of one frame's descriptors: this process had none free to take
// them up. Only `excess` is the peer's fault.
ssize_t receive_with_fds(int fd, char* buffer, size_t size, std::deque<Fd>& fds, int flags, bool& excess) {
  struct iovec iov = {buffer, size};
  struct msghdr msg {};
  Control control;
  msg.msg_iov = &iov;
  msg.msg_iovlen = 1;
  msg.msg_control = control.bytes.data();
  msg.msg_controllen = control.bytes.size();
  const ssize_t n = ::recvmsg(fd, &msg, flags | MSG_CMSG_CLOEXEC);
  if (n < 0) return n;
  size_t taken = 0;
  for (struct cmsghdr* c = CMSG_FIRSTHDR(&msg); c != nullptr; c = CMSG_NXTHDR(&msg, c)) {
    if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) continue;
    const size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < count; i++, taken++) {
      int raw = -1;
      std::memcpy(&raw, CMSG_DATA(c) + i * sizeof raw, sizeof raw);
      fds.emplace_back(raw);
    }
  }
  const bool cut = (msg.msg_flags & MSG_CTRUNC) != 0;
  excess = cut && taken == kMaxFds;
  if (cut && !excess) fds.emplace_back();
  return n;
}

}  // namespace

struct Channel::State {
  State(event::Loop& l, Fd f, Callbacks c)
      : loop(l),
        fd(std::move(f)),
        callbacks(std::make_shared<Callbacks>(std::move(c))),
        watch(l, fd.get(), [this](unsigned ready) { on_ready(ready); }) {}

  void on_ready(unsigned ready);
  void read_some();
  bool take_frames(const std::shared_ptr<bool>& lives);
  bool take_descriptors(size_t count, std::deque<Fd>& frame);
  void flush();
  void fail(std::string why);
  void schedule();

  event::Loop& loop;
  Fd fd;
  std::shared_ptr<Callbacks> callbacks;
  event::Watch watch;
  std::string in;
  std::deque<Fd> in_fds;
  std::deque<Outgoing> out;
  size_t out_bytes = 0;
  bool failed = false;
  bool scheduled = false;
  bool blocked = false;
  std::shared_ptr<bool> alive = std::make_shared<bool>(true);
};

Channel::Channel(event::Loop& loop, Fd fd, Callbacks callbacks)
    : s_(std::make_unique<State>(loop, std::move(fd), std::move(callbacks))) {
  s_->watch.want(event::Watch::kRead);
}

Channel::~Channel() { *s_->alive = false; }

bool Channel::congested() const { return s_->out_bytes >= kHighWater; }
bool Channel::ok() const { return !s_->failed; }
void Channel::flush() { s_->flush(); }
#ifdef MAILKEEP_CAPTIVE
int Channel::captive_fd() const { return s_->fd.get(); }
#endif

void Channel::push(uint16_t type, std::string body, const std::vector<Fd*>& fds) {
  State& s = *s_;
  std::vector<Fd> owned;
  owned.reserve(fds.size());
  for (Fd* f : fds) owned.push_back(std::move(*f));
  if (s.failed) return;
#ifdef MAILKEEP_CAPTIVE
  captive::record(this, type, body);
#endif
  std::string bytes = frame_bytes(type, body, owned.size());
  s.out_bytes += bytes.size();
  if (s.out_bytes > kMaxUnread) return s.fail("does not read what it is sent");
  // Frames without descriptors join the one before: fewer system calls, fewer wake-ups of the peer.
  if (owned.empty() && !s.out.empty() && s.out.back().bytes.size() < kReadChunk) {
    s.out.back().bytes += bytes;
  } else {
    s.out.push_back({std::move(bytes), std::move(owned)});
  }
  s.schedule();
}

void Channel::State::schedule() {
  if (scheduled || blocked) return;
  scheduled = true;
  loop.defer([this, lives = alive] {
    if (!*lives) return;
    scheduled = false;
    flush();
  });
}

void Channel::State::flush() {
  blocked = false;
  while (!failed && !out.empty()) {
    Outgoing& o = out.front();
    const ssize_t n = send_with_fds(fd.get(), o.bytes, o.fds, MSG_DONTWAIT);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && (errno == EAGAIN || errno == ENOBUFS || errno == ETOOMANYREFS)) {
      blocked = true;
      break;
    }
    if (n < 0 && (errno == EPIPE || errno == ECONNRESET)) return fail(std::string(kEndOfFile));
    if (n < 0) return fail(errno_error("send to peer").text);
    out_bytes -= static_cast<size_t>(n);
    if (static_cast<size_t>(n) == o.bytes.size()) {
      out.pop_front();
    } else {
      o.bytes.erase(0, static_cast<size_t>(n));
      o.fds.clear();  // they went with the first byte
    }
  }
  if (!failed) watch.want(blocked ? event::Watch::kBoth : event::Watch::kRead);
}

void Channel::State::on_ready(unsigned ready) {
  const auto lives = alive;
  if ((ready & event::Watch::kWrite) != 0) flush();
  if (*lives && !failed && (ready & event::Watch::kRead) != 0) read_some();
}

void Channel::State::read_some() {
  const auto lives = alive;
  bool had_fds = false;
  for (int i = 0; i < kReadsPerTurn; i++) {
    char chunk[kReadChunk];
    bool excess = false;
    const size_t fds_before = in_fds.size();
    const ssize_t n = receive_with_fds(fd.get(), chunk, sizeof chunk, in_fds, MSG_DONTWAIT, excess);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) return;
    // A peer that died with our bytes unread resets the connection: an end like another, no misbehaviour.
    if (n == 0 || (n < 0 && errno == ECONNRESET)) return fail(std::string(kEndOfFile));
    if (n < 0) return fail(errno_error("receive from peer").text);
    if (excess || in_fds.size() > kMaxQueuedFds) return fail("too many descriptors");
    had_fds = had_fds || in_fds.size() > fds_before;
    in.append(chunk, static_cast<size_t>(n));
    if (!take_frames(lives)) return;
    // A read ends where descriptors begin or end, so a short one does not mean that all has been read: what waits
    // belongs to this turn and its commit.
    if (static_cast<size_t>(n) < sizeof chunk && !had_fds) return;
  }
}

// Those of one frame; what could not be taken up is an empty Fd each. False: they never came.
bool Channel::State::take_descriptors(size_t count, std::deque<Fd>& frame) {
  for (bool lost = false; count > 0; count--) {
    if (lost) {
      frame.emplace_back();
      continue;
    }
    if (in_fds.empty()) return false;
    frame.push_back(std::move(in_fds.front()));
    in_fds.pop_front();
    lost = !frame.back();
  }
  return true;
}

// False: the channel failed or is gone.
bool Channel::State::take_frames(const std::shared_ptr<bool>& lives) {
  const auto call = callbacks;
  std::string_view rest = in;
  while (rest.size() >= kHeader) {
    Header h;
    if (!parse_header(rest, h)) return fail("bad frame header"), false;
    if (rest.size() < h.length) break;
    Frame frame{h.type, rest.substr(kHeader, h.length - kHeader), {}};
    if (!take_descriptors(h.fds, frame.fds)) return fail("descriptors missing"), false;
    const bool good = call->frame(frame);
    if (!*lives) return false;
    if (!good || !frame.fds.empty()) return fail("bad message of type " + std::to_string(h.type)), false;
    rest.remove_prefix(h.length);
  }
  in.erase(0, in.size() - rest.size());
  return true;
}

void Channel::State::fail(std::string why) {
  if (failed) return;
  failed = true;
  watch.want(event::Watch::kNone);
  loop.defer([this, lives = alive, why = std::move(why)] {
    if (!*lives) return;
    const auto call = callbacks;
    if (call->broken) call->broken(why);
  });
}

Status write_frame(int fd, uint16_t type, const std::string& body, const std::vector<Fd*>& fds) {
  std::vector<Fd> owned;
  owned.reserve(fds.size());
  for (Fd* f : fds) owned.push_back(std::move(*f));
  std::string bytes = frame_bytes(type, body, owned.size());
  while (!bytes.empty()) {
    const ssize_t n = send_with_fds(fd, bytes, owned, 0);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno_error("send");
    bytes.erase(0, static_cast<size_t>(n));
    owned.clear();
  }
  return {};
}

Result<BlockingFrame> read_frame(int fd) {
  BlockingFrame out;
  std::string bytes;
  size_t want = kHeader;
  Header h;
  // Byte by byte no further than this frame: what follows belongs to the event loop's channel.
  while (bytes.size() < want) {
    char chunk[4096];
    bool excess = false;
    struct pollfd p = {fd, POLLIN, 0};
    if (poll(&p, 1, -1) < 0 && errno != EINTR) return errno_error("poll");
    const ssize_t n = receive_with_fds(fd, chunk, std::min(sizeof chunk, want - bytes.size()), out.fds, 0, excess);
    if (n < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (n < 0) return errno_error("receive");
    if (n == 0) return Error("end of file");
    bytes.append(chunk, static_cast<size_t>(n));
    if (want == kHeader && bytes.size() == kHeader) {
      if (!parse_header(bytes, h)) return Error("bad frame header");
      want = h.length;
    }
  }
  out.type = h.type;
  out.body = bytes.substr(kHeader);
  return out;
}

}  // namespace mailkeep::imsg
