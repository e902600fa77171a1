// A role's real object and route table, with the test as its parent and all its peers, who say whatever they like.
//
//   Filler fills a message's fields with values that are valid, and likely to mean something to the receiver;
//   Peerage::attack() sends such messages and what becomes of them by damage, and holds the receiver to this:
//     what does not decode, or is not in its table from that peer, costs the sender its life and nobody else's;
//     nothing makes it crash (the test would die) or hang (an alarm ends the test).
//
// SPDX-License-Identifier: ISC
#pragma once

#include <fcntl.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <functional>
#include <map>
#include <memory>
#include <random>

#include "lib/event/loop.h"
#include "lib/log/log.h"
#include "lib/worker/worker.h"

#include "regress/unit/unit.h"

namespace mailkeep::hostile {

using imsg::PeerId;
using imsg::Role;

// Pseudo-random with a fixed seed, so that a failure comes again; MAILKEEP_SEED chooses another.
class Random {
 public:
  Random() {
    const char* seed = getenv("MAILKEEP_SEED");
    engine_.seed(seed == nullptr ? 1U : static_cast<unsigned>(atoi(seed)));
  }
  uint64_t below(uint64_t n) { return n == 0 ? 0 : engine_() % n; }
  bool one_in(uint64_t n) { return below(n) == 0; }
  uint64_t any() { return engine_(); }

 private:
  std::mt19937_64 engine_;
};

// What a peer may find in its hands: descriptors that fit, and others.
inline Fd any_descriptor(Random& random) {
  int ends[2];
  switch (random.below(9)) {
    case 0:
    case 1: {
      Fd fd(memfd_create("hostile", MFD_CLOEXEC | MFD_ALLOW_SEALING));
      const std::string text = random.one_in(2) ? "Subject: x\r\n\r\nhello\r\n" : std::string(random.below(70000), 'x');
      if (write(fd.get(), text.data(), text.size()) < 0) fatal("hostile: write");
      if (random.one_in(2)) fcntl(fd.get(), F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL);
      return fd;
    }
    case 2:
    case 3: {
      if (pipe2(ends, O_CLOEXEC) != 0) fatal("hostile: pipe");
      const int which = random.one_in(2) ? 0 : 1;  // of an empty pipe, which blocks who reads it; or with no reader
      Fd other(ends[1 - which]);
      static Fd kept;
      if (which == 0) kept = std::move(other);
      return Fd(ends[which]);
    }
    case 4:
    case 5: {
      const int type = random.one_in(4) ? SOCK_DGRAM : random.one_in(4) ? SOCK_SEQPACKET : SOCK_STREAM;
      if (socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends) != 0) fatal("hostile: socketpair");
      static Fd kept;
      kept.reset(ends[1]);
      return Fd(ends[0]);
    }
    case 6: return Fd(eventfd(0, EFD_CLOEXEC));
    case 7: return Fd(open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    default: return Fd(open(random.one_in(2) ? "/dev/null" : "/dev/zero", O_RDWR | O_CLOEXEC));
  }
}

// A codec that writes into the message. Numbers and texts are often ones that were seen before.
class Filler {
 public:
  Filler(Random& random, const std::vector<uint64_t>& numbers, const std::vector<std::string>& words)
      : random_(random), numbers_(numbers), words_(words) {}

  template <std::unsigned_integral T>
  void num(T& v) {
    switch (random_.below(6)) {
      case 0: v = 0; break;
      case 1: v = static_cast<T>(random_.below(4)); break;
      case 2: v = static_cast<T>(~T{0}); break;
      case 3: v = static_cast<T>(random_.any()); break;
      default: v = static_cast<T>(numbers_.empty() ? 1 : numbers_[random_.below(numbers_.size())]);
    }
  }
  void i64(int64_t& v) {
    uint64_t u = 0;
    num(u);
    v = static_cast<int64_t>(u);
  }
  void flag(bool& v) { v = random_.one_in(2); }
  template <class E>
  void choice(E& v, E last) {
    v = static_cast<E>(random_.below(static_cast<uint64_t>(last) + 1));
  }
  void text(std::string& v, size_t max) {
    const uint64_t kind = random_.below(8);
    if (kind < 4 && !words_.empty()) v = words_[random_.below(words_.size())];
    if (kind == 4) v.clear();
    if (kind == 5) v.assign(std::min<size_t>(max, room_), 'a');
    if (kind > 5) {
      v.clear();
      for (uint64_t n = random_.below(std::min<size_t>(max, 40) + 1); n > 0; n--)
        v += static_cast<char>(random_.below(256));
    }
    if (v.size() > max) v.resize(max);
    if (v.size() > room_) v.resize(room_);
    room_ -= v.size();
  }
  template <class T>
  void list(std::vector<T>& v, size_t max) {
    v.resize(count(max));
    for (T& item : v) T::fields(*this, item);
  }
  void texts(std::vector<std::string>& v, size_t max, size_t max_each) {
    v.resize(count(max));
    for (auto& item : v) text(item, max_each);
  }
  template <class T>
  void part(T& v) {
    T::fields(*this, v);
  }
  void fd(Fd& v) {
    if (!random_.one_in(5)) v = any_descriptor(random_);
  }

 private:
  size_t count(size_t max) {
    const size_t n = random_.one_in(8) ? max : random_.below(4);
    return std::min({n, max, room_ / 1000});
  }

  Random& random_;
  const std::vector<uint64_t>& numbers_;
  const std::vector<std::string>& words_;
  size_t room_ = 300 * 1000;  // bytes of text, so that any message is one that can be sent
};

// A frame to send: bytes and descriptors that go with the first of them.
struct Frame {
  uint16_t type = 0;
  std::string body;
  std::deque<Fd> fds;
  bool damaged = false;  // it must not be taken
  std::string bytes() const {
    std::string out(8, '\0');
    const auto length = static_cast<uint32_t>(body.size() + 8);
    std::memcpy(out.data(), &length, 4);
    std::memcpy(out.data() + 4, &type, 2);
    out[6] = static_cast<char>(fds.size());
    return out + body;
  }
};

// Whether M's decoder takes what the frame holds.
template <class M>
bool decodes(const Frame& frame) {
  std::deque<Fd> fds;
  for (size_t i = 0; i < frame.fds.size(); i++) fds.emplace_back(-1);
  M m;
  return imsg::decode(frame.body, fds, m) && fds.empty();
}

class Peerage {
 public:
  Peerage() {
    signal(SIGPIPE, SIG_IGN);
    log::open("hostile", log::Level::kError, getenv("MAILKEEP_HOSTILE_LOG") != nullptr);
    limit_descriptors(kDescriptors);
  }

  static constexpr rlim_t kDescriptors = 4096;
  static void limit_descriptors(rlim_t most) {
    struct rlimit files {};
    if (getrlimit(RLIMIT_NOFILE, &files) != 0) fatal("hostile: getrlimit");
    files.rlim_cur = std::min(most, files.rlim_max);
    if (setrlimit(RLIMIT_NOFILE, &files) != 0) fatal("hostile: setrlimit");
  }

  // Call before the role is made: descriptor 3 becomes its channel to the parent.
  void become_parent() {
    Fd theirs = open_end({Role::kParent, 0});
    if (dup2(theirs.get(), worker::kParentFd) != worker::kParentFd) fatal("hostile: dup2");
  }
  template <class M>
  void tell(PeerId from, const M& m) {
    ends_.at(key(from)).channel->send(m);
  }
  template <class M>
  void tell_parent(const M& m) {
    tell({Role::kParent, 0}, m);
  }
  void commit(uint32_t generation) {
    worker::Prepare p;
    p.generation = generation;
    tell_parent(p);
    turns(6);
    if (!prepared_ok_) fatal("hostile: the role did not take its configuration: " + prepared_text_);
    worker::Commit c;
    c.generation = generation;
    tell_parent(c);
    turns(6);
  }
  void wire(PeerId peer, const std::string& account = "") {
    worker::Wire w;
    w.role = peer.role;
    w.instance = peer.instance;
    w.account = account;
    w.channel = open_end(peer);
    ends_.at(key(peer)).account = account;
    tell_parent(w);
    turns(6);
  }
  void turns(int n) {
    for (int i = 0; i < n; i++) loop.turn(false);
  }

  // One row of the role's table: M may come from that peer.
  template <class M>
  void row(PeerId from) {
    rows_.push_back({from, M::kType, from.role == Role::kParent,
                     [this](Random& r) {
                       M m;
                       Filler filler(r, numbers_, words);
                       M::fields(filler, m);
                       imsg::Encoder e;
                       M::fields(e, m);
                       Frame f;
                       f.type = M::kType;
                       f.body = std::move(e.bytes());
                       for (Fd* fd : e.fds()) f.fds.push_back(std::move(*fd));
                       return f;
                     },
                     decodes<M>});
  }
  template <class M>
  void row(Role role) {
    row<M>(PeerId{role, 0});
  }

  // Every row `each` times as it should be and `each` times damaged, in random order; then every type that is not in
  // the table, from every peer.
  void attack(int each) {
    for (int n = 0; n < each * static_cast<int>(rows_.size()); n++) {
      const auto& row = rows_[random.below(rows_.size())];
      Frame frame = row.make(random);
      const bool whole = row.trusted || random.one_in(2);
      if (!whole) damage(frame);
      send(row.from, frame, !whole && !row.decodes(frame));
    }
    for (const auto& [k, end] : std::map<uint64_t, PeerId>(peers())) {
      for (int type = 0; type < 1200; type++) {
        if (is_known(end, static_cast<uint16_t>(type))) continue;
        if (!random.one_in(6)) continue;
        Frame frame;
        frame.type = static_cast<uint16_t>(type);
        if (random.one_in(2)) frame.body = std::string(random.below(40), '\0');
        send(end, frame, true);
      }
      for (int n = 0; n < 10; n++) garbage(end);
    }
    assert_true(accused_total_ > 0);
  }

  // How many frames of that type the role has sent to that peer.
  int heard_of(PeerId peer, uint16_t type) { return heard_[{key(peer), type}]; }
  // The last one, without its descriptors.
  template <class M>
  M last(PeerId peer) {
    std::deque<Fd> fds;
    for (int i = 0; i < 4; i++) fds.emplace_back(-1);
    M m;
    if (!imsg::decode(last_[{key(peer), M::kType}], fds, m)) fatal("hostile: no such message was sent");
    return m;
  }
  bool last_had_descriptor(PeerId peer, uint16_t type) { return last_descriptors_[{key(peer), type}] > 0; }
  // True: the role accused that peer of misbehaving since the last call.
  bool accused(PeerId peer) { return accused_.erase(key(peer)) != 0; }

 private:
  // The role will close descriptor 3 as its own: nothing else may have come to lie there.
  struct Descriptor3 {
    Descriptor3() {
      if (fcntl(worker::kParentFd, F_GETFD) >= 0) return;
      Fd null(open("/dev/null", O_RDWR | O_CLOEXEC));
      if (null.get() != worker::kParentFd) dup2(null.get(), worker::kParentFd);
      if (null.get() == worker::kParentFd) static_cast<void>(null.release());
    }
  } descriptor3_;

 public:
  event::Loop loop;
  Random random;
  std::vector<std::string> words;  // texts that mean something to this role

 private:
  struct End {
    PeerId id;
    std::string account;
    Fd raw;  // a duplicate, for bytes that a Channel would not send
    std::unique_ptr<imsg::Channel> channel;
  };
  struct Row {
    PeerId from;
    uint16_t type;
    bool trusted;  // the parent passes on what others say, but in whole messages
    std::function<Frame(Random&)> make;
    std::function<bool(const Frame&)> decodes;
  };

  static uint64_t key(PeerId p) { return static_cast<uint64_t>(p.role) << 32 | p.instance; }
  std::map<uint64_t, PeerId> peers() const {
    std::map<uint64_t, PeerId> out;
    for (const auto& [k, end] : ends_) {
      if (end.id.role != Role::kParent) out[k] = end.id;
    }
    return out;
  }
  bool is_known(PeerId peer, uint16_t type) const {
    for (const Row& row : rows_) {
      if (row.from == peer && row.type == type) return true;
    }
    return false;
  }

  Fd open_end(PeerId peer) {
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) != 0) fatal("hostile: socketpair");
    End& end = ends_[key(peer)];
    end.id = peer;
    end.channel.reset();
    end.raw.reset(fcntl(ends[0], F_DUPFD_CLOEXEC, 10));
    end.channel = std::make_unique<imsg::Channel>(
        loop, Fd(ends[0]),
        imsg::Channel::Callbacks{.frame = [this, peer](imsg::Frame& f) { return heard(peer, f); }, .broken = {}});
    return Fd(ends[1]);
  }

  bool heard(PeerId from, imsg::Frame& frame) {
    note_numbers(frame.body);
    heard_[{key(from), frame.type}]++;
    last_[{key(from), frame.type}] = frame.body;
    last_descriptors_[{key(from), frame.type}] = frame.fds.size();
    if (from.role == Role::kParent) {
      if (frame.type == worker::Misbehaved::kType) {
        worker::Misbehaved m;
        assert_true(imsg::decode(frame.body, frame.fds, m));
        accused_[key({m.role, m.instance})]++;
        accused_total_++;
      } else if (frame.type == worker::Prepared::kType) {
        worker::Prepared m;
        assert_true(imsg::decode(frame.body, frame.fds, m));
        prepared_ok_ = m.ok;
        prepared_text_ = m.text;
      }
    }
    frame.fds.clear();
    return true;
  }

  // Ids that the role has used are worth saying back to it.
  void note_numbers(std::string_view body) {
    uint64_t first = 0;
    if (body.size() < sizeof first) return;
    std::memcpy(&first, body.data(), sizeof first);
    numbers_.push_back(first);
    numbers_.push_back(first & UINT32_MAX);
    if (body.size() >= 2 * sizeof first) {
      std::memcpy(&first, body.data() + sizeof first, sizeof first);
      numbers_.push_back(first);
    }
    if (numbers_.size() > 64) numbers_.erase(numbers_.begin(), numbers_.begin() + 3);
  }

  void damage(Frame& f) {
    switch (random.below(7)) {
      case 0: f.body.resize(random.below(f.body.size() + 1)); break;                                 // truncated
      case 1: f.body += std::string(1 + random.below(300), static_cast<char>(random.any())); break;  // trailing bytes
      case 2:
        for (uint64_t n = 1 + random.below(4); n > 0 && !f.body.empty(); n--)
          f.body[random.below(f.body.size())] = static_cast<char>(random.any());
        break;
      case 3: {  // a huge length somewhere
        const std::string huge = random.one_in(2) ? std::string("\xff\xff\xff\xff", 4) : std::string("\0\0\0\x80", 4);
        if (f.body.size() >= 4) f.body.replace(random.below(f.body.size() - 3), 4, huge);
        break;
      }
      case 4: f.fds.clear(); break;
      case 5:
        while (f.fds.size() < 1 + random.below(imsg::kMaxFds)) f.fds.push_back(any_descriptor(random));
        break;
      default:
        f.body = std::string(random.below(600), '\0');
        for (char& c : f.body) c = static_cast<char>(random.any());
    }
  }

  void send_bytes(PeerId from, const std::string& bytes, const std::deque<Fd>& fds) {
    struct iovec iov = {const_cast<char*>(bytes.data()), bytes.size()};
    alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int) * 16)] = {};
    struct msghdr msg {};
    msg.msg_iov = &iov;
    msg.msg_iovlen = 1;
    if (!fds.empty()) {
      msg.msg_control = control;
      msg.msg_controllen = CMSG_SPACE(sizeof(int) * fds.size());
      struct cmsghdr* c = CMSG_FIRSTHDR(&msg);
      c->cmsg_level = SOL_SOCKET;
      c->cmsg_type = SCM_RIGHTS;
      c->cmsg_len = CMSG_LEN(sizeof(int) * fds.size());
      for (size_t i = 0; i < fds.size(); i++) {
        const int raw = fds[i].get();
        std::memcpy(CMSG_DATA(c) + i * sizeof raw, &raw, sizeof raw);
      }
    }
    for (size_t sent = 0; sent < bytes.size();) {
      const ssize_t n = sendmsg(ends_.at(key(from)).raw.get(), &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
      if (n < 0 && errno == EAGAIN) {
        turns(1);
        continue;
      }
      if (n < 0) return;
      sent += static_cast<size_t>(n);
      msg.msg_control = nullptr;
      msg.msg_controllen = 0;
      iov = {const_cast<char*>(bytes.data()) + sent, bytes.size() - sent};
    }
  }

  void send(PeerId from, const Frame& frame, bool must_be_accused) {
    alarm(30);
    accused_.clear();
    ends_.at(key(from)).channel->flush();
    send_bytes(from, frame.bytes(), frame.fds);
    turns(8);
    settle(from, must_be_accused, "type " + std::to_string(frame.type));
    alarm(0);
  }

  void garbage(PeerId from) {
    alarm(30);
    accused_.clear();
    std::string bytes(1 + random.below(400), '\0');
    for (char& c : bytes) c = static_cast<char>(random.any());
    std::deque<Fd> fds;
    for (uint64_t n = random.below(7); n > 0; n--) fds.push_back(any_descriptor(random));
    send_bytes(from, bytes, fds);
    ends_.at(key(from)).channel.reset();
    ends_.at(key(from)).raw.reset();  // whatever it was, that is its end
    turns(8);
    settle(from, false, "garbage");
    wire(from, ends_.at(key(from)).account);
    alarm(0);
  }

  // Nobody but the sender may have been accused; the sender's channel is made anew if it was.
  void settle(PeerId from, bool must_be_accused, const std::string& what) {
    for (const auto& [k, count] : accused_) {
      if (k != key(from)) {
        print_error("%s from %s: another was accused: role %d\n", what.c_str(),
                    std::string(imsg::role_name(from.role)).c_str(), static_cast<int>(k >> 32));
        fail();
      }
    }
    const bool was = accused(from);
    if (must_be_accused && !was) {
      print_error("%s from %s was taken\n", what.c_str(), std::string(imsg::role_name(from.role)).c_str());
      fail();
    }
    if (was) wire(from, ends_.at(key(from)).account);
  }

  std::map<uint64_t, End> ends_;
  std::vector<Row> rows_;
  std::vector<uint64_t> numbers_;
  std::map<std::pair<uint64_t, uint16_t>, int> heard_;
  std::map<std::pair<uint64_t, uint16_t>, std::string> last_;
  std::map<std::pair<uint64_t, uint16_t>, size_t> last_descriptors_;
  std::map<uint64_t, int> accused_;
  uint64_t accused_total_ = 0;
  bool prepared_ok_ = false;
  std::string prepared_text_;
};

}  // namespace mailkeep::hostile
