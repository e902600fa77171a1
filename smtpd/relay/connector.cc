// Connecting: see connector.h.
// SPDX-License-Identifier: ISC
#include "smtpd/relay/connector.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cstring>
#include <optional>

namespace mailkeep::relay {

namespace {

struct Numeric {
  struct sockaddr_storage storage = {};
  socklen_t length = 0;
  const struct sockaddr* get() const { return reinterpret_cast<const struct sockaddr*>(&storage); }
};

std::optional<Numeric> parse_numeric(const std::string& text, uint16_t port) {
  Numeric out;
  auto* four = reinterpret_cast<struct sockaddr_in*>(&out.storage);
  auto* six = reinterpret_cast<struct sockaddr_in6*>(&out.storage);
  if (::inet_pton(AF_INET, text.c_str(), &four->sin_addr) == 1) {
    four->sin_family = AF_INET;
    four->sin_port = htons(port);
    out.length = sizeof *four;
    return out;
  }
  if (::inet_pton(AF_INET6, text.c_str(), &six->sin6_addr) == 1) {
    six->sin6_family = AF_INET6;
    six->sin6_port = htons(port);
    out.length = sizeof *six;
    return out;
  }
  return {};
}

Status bind_source(int fd, sa_family_t family, const std::vector<std::string>& sources) {
  for (const std::string& source : sources) {
    const auto from = parse_numeric(source, 0);
    if (!from || from->storage.ss_family != family) continue;
    if (::bind(fd, from->get(), from->length) != 0) return errno_error("source " + source);
    return {};
  }
  return {};
}

}  // namespace

bool is_loopback(const std::string& address) { return address.rfind("127.", 0) == 0 || address == "::1"; }

struct Connector::Attempt {
  Attempt(event::Loop& loop, std::string to, Fd socket, std::function<void(unsigned)> ready, std::function<void()> late)
      : address(std::move(to)),
        fd(std::move(socket)),
        watch(loop, fd.get(), std::move(ready)),
        limit(loop, std::move(late)) {}
  std::string address;
  Fd fd;
  event::Watch watch;
  event::Timer limit;
  bool over = false;
};

Connector::Connector(event::Loop& loop, std::vector<std::string> addresses, uint16_t port,
                     std::vector<std::string> sources, Done done)
    : loop_(loop),
      addresses_(std::move(addresses)),
      port_(port),
      sources_(std::move(sources)),
      done_(std::move(done)),
      head_start_(loop, [this] { next(); }) {
  loop_.defer([this, alive = alive_] {
    if (*alive) next();
  });
}

Connector::~Connector() { *alive_ = false; }

void Connector::next() {
  while (tried_ < addresses_.size() && !over_) {
    const std::string address = addresses_[tried_++];
    const auto to = parse_numeric(address, port_);
    if (!to) {
      text_ = "[" + address.substr(0, 64) + "]: no numeric address";
      continue;
    }
    Fd fd(::socket(to->storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    Status s = fd ? bind_source(fd.get(), to->storage.ss_family, sources_) : Status(errno_error("socket"));
    if (s && ::connect(fd.get(), to->get(), to->length) != 0 && errno != EINPROGRESS) s = errno_error("connect");
    if (!s) {
      text_ = "[" + address + "]:" + std::to_string(port_) + ": " + s.error().text;
      continue;
    }
    const int on = 1;
    static_cast<void>(::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on));  // a delay, at worst
    const size_t place = attempts_.size();
    attempts_.push_back(std::make_unique<Attempt>(
        loop_, address, std::move(fd), [this, place](unsigned) { on_ready(*attempts_[place]); },
        [this, place] {
          failed(*attempts_[place], "no connection within " + std::to_string(kConnectPatience.count()) + " s");
        }));
    attempts_.back()->watch.want(event::Watch::kWrite);
    attempts_.back()->limit.set(kConnectPatience);
    ++open_;
    if (tried_ < addresses_.size()) head_start_.set(kHeadStart);
    return;
  }
  if (open_ == 0) finish(Fd(), "");
}

void Connector::on_ready(Attempt& attempt) {
  if (attempt.over || over_) return;
  int error = 0;
  socklen_t length = sizeof error;
  if (::getsockopt(attempt.fd.get(), SOL_SOCKET, SO_ERROR, &error, &length) != 0) error = errno;
  if (error != 0) return failed(attempt, errno_error("connect", error).text);
  attempt.watch.want(event::Watch::kNone);
  finish(std::move(attempt.fd), attempt.address);
}

void Connector::failed(Attempt& attempt, const std::string& why) {
  if (attempt.over || over_) return;
  attempt.over = true;
  attempt.watch.want(event::Watch::kNone);
  attempt.limit.cancel();
  --open_;
  text_ = "[" + attempt.address + "]:" + std::to_string(port_) + ": " + why;
  head_start_.cancel();
  next();
}

// In a turn of its own: the callback destroys this and the watch that is on the stack now.
void Connector::finish(Fd fd, const std::string& address) {
  if (over_) return;
  over_ = true;
  head_start_.cancel();
  for (const auto& a : attempts_) a->limit.cancel(), a->watch.want(event::Watch::kNone);
  auto kept = std::make_shared<Fd>(std::move(fd));
  loop_.defer([this, alive = alive_, kept, address] {
    if (!*alive) return;
    const Done done = done_;
    const std::string text = text_;
    done(std::move(*kept), address, text);
  });
}

}  // namespace mailkeep::relay
