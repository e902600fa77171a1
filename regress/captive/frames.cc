// What a taken-over process would say to its peers: see captive.h.
//
//   peers                                    → the names of those that are there: "queue.0 lookup.0 …"
//   frame ROLE INSTANCE TYPE KINDS HEX       a whole frame; KINDS are descriptors ("-" none), HEX the body ("-" empty)
//   raw ROLE INSTANCE KINDS HEX              bytes as they are, header and all
//   recorded ROLE INSTANCE TYPE              → the last body of that type that was sent there, in hexadecimal, or "none"
//   flood ROLE INSTANCE TYPE HEX COUNT       the frame so many times, without reading a word
//
// Descriptors: m sealed memory file, M unsealed one, p reading end of a pipe, P writing end, s an end of a socketpair,
// d an end of a pair of datagram sockets, e eventfd, t standard error (a file, in the tests).
// SPDX-License-Identifier: ISC
#include <fcntl.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <map>

#include "lib/base/text.h"
#include "regress/captive/captive.h"

namespace mailkeep::captive {

namespace {

std::map<std::pair<const imsg::Channel*, uint16_t>, std::string>& records() {
  static std::map<std::pair<const imsg::Channel*, uint16_t>, std::string> all;
  return all;
}

std::string unhex(const std::string& text) {
  std::string out;
  if (text == "-") return out;
  const auto digit = [](char c) { return is_digit(c) ? c - '0' : to_lower(c) - 'a' + 10; };
  for (size_t i = 0; i + 1 < text.size(); i += 2) out += static_cast<char>(digit(text[i]) << 4 | digit(text[i + 1]));
  return out;
}

std::optional<imsg::PeerId> peer_of(worker::Peers& peers, const Words& words) {
  if (words.size() < 3) return std::nullopt;
  for (const imsg::PeerId& p : peers.captive_peers()) {
    if (imsg::role_name(p.role) == words[1] && std::to_string(p.instance) == words[2]) return p;
  }
  return std::nullopt;
}

Fd memory_file(bool sealed) {
  Fd fd(memfd_create("captive", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!fd || write(fd.get(), "captive\r\n", 9) != 9) return fd;
  if (sealed) fcntl(fd.get(), F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL);
  return fd;
}

Fd pipe_end(int which) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return Fd();
  const Fd other(ends[1 - which]);
  return Fd(ends[which]);
}

Fd socket_end(int type) {
  int ends[2];
  if (socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends) != 0) return Fd();
  const Fd other(ends[1]);
  return Fd(ends[0]);
}

Fd descriptor(char kind) {
  switch (kind) {
    case 'm': return memory_file(true);
    case 'M': return memory_file(false);
    case 'p': return pipe_end(0);
    case 'P': return pipe_end(1);
    case 's': return socket_end(SOCK_STREAM);
    case 'd': return socket_end(SOCK_DGRAM);
    case 'e': return Fd(eventfd(0, EFD_CLOEXEC));
    default: return Fd(fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3));
  }
}

// In one piece, whatever is in it; the channel's own output goes first.
Outcome send_raw(imsg::Channel& channel, std::string bytes, std::deque<Fd> fds) {
  channel.flush();
  struct iovec iov = {bytes.data(), bytes.size()};
  alignas(struct cmsghdr) std::array<char, CMSG_SPACE(sizeof(int) * 64)> control{};
  struct msghdr msg {};
  msg.msg_iov = &iov;
  msg.msg_iovlen = 1;
  if (!fds.empty()) {
    msg.msg_control = control.data();
    msg.msg_controllen = CMSG_SPACE(sizeof(int) * fds.size());
    struct cmsghdr* c = CMSG_FIRSTHDR(&msg);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof(int) * fds.size());
    for (size_t i = 0; i < fds.size(); i++) {
      const int raw = fds[i].get();
      memcpy(CMSG_DATA(c) + i * sizeof raw, &raw, sizeof raw);
    }
  }
  const ssize_t n = sendmsg(channel.captive_fd(), &msg, MSG_NOSIGNAL);
  return n < 0 ? std::string("error ") + strerror(errno) : "sent " + std::to_string(n);
}

Outcome send_frame(imsg::Channel& channel, uint16_t type, const std::string& kinds, std::string body) {
  std::deque<Fd> fds = make_descriptors(kinds);
  std::vector<Fd*> given;
  for (Fd& fd : fds) given.push_back(&fd);
  channel.push(type, std::move(body), given);
  channel.flush();
  return "sent";
}

}  // namespace

std::deque<Fd> make_descriptors(const std::string& kinds) {
  std::deque<Fd> out;
  if (kinds == "-") return out;
  for (const char kind : kinds) {
    out.push_back(descriptor(kind));
    if (!out.back()) out.back() = descriptor('t');  // what this worker may not make
  }
  was_trapped();
  return out;
}

void record(const imsg::Channel* channel, uint16_t type, const std::string& body) {
  if (body.size() < 64 * 1024) records()[{channel, type}] = body;
}

Outcome peers_command(worker::Peers& peers, const Words& words) {
  if (words[0] == "peers") {
    std::string out;
    for (const imsg::PeerId& p : peers.captive_peers()) {
      out += std::string(imsg::role_name(p.role)) + "." + std::to_string(p.instance) + " ";
    }
    return out;
  }
  const auto peer = peer_of(peers, words);
  imsg::Channel* channel = peer ? peers.captive_channel(*peer) : nullptr;
  if (channel == nullptr) return "error no such peer";
  const auto type = static_cast<uint16_t>(words.size() > 3 ? parse_u64(words[3], UINT16_MAX).value_or(0) : 0);
  if (words[0] == "frame" && words.size() == 6) return send_frame(*channel, type, words[4], unhex(words[5]));
  if (words[0] == "raw" && words.size() == 5) return send_raw(*channel, unhex(words[4]), make_descriptors(words[3]));
  if (words[0] == "recorded" && words.size() == 4) {
    const auto it = records().find({channel, type});
    return it == records().end() ? "none" : it->second.empty() ? "-" : hex(it->second);
  }
  if (words[0] == "flood" && words.size() == 6) {
    const std::string body = unhex(words[4]);
    const uint64_t count = parse_u64(words[5], 10'000'000).value_or(0);
    uint64_t sent = 0;
    for (; sent < count && channel->ok(); sent++) {
      channel->push(type, body, {});
      if (sent % 64 == 0) channel->flush();
    }
    return "sent " + std::to_string(sent);
  }
  return "error usage";
}

}  // namespace mailkeep::captive
