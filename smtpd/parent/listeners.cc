// Listening sockets: see listeners.h.
// SPDX-License-Identifier: ISC
#include "smtpd/parent/listeners.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <set>

namespace mailkeep::parent {

namespace {

struct Address {
  struct sockaddr_storage storage {};
  socklen_t length = 0;
  std::string name;
};

bool set_v4(const std::string& text, uint16_t port, Address& out) {
  struct sockaddr_in sin {};
  if (inet_pton(AF_INET, text.c_str(), &sin.sin_addr) != 1) return false;
  sin.sin_family = AF_INET;
  sin.sin_port = htons(port);
  std::memcpy(&out.storage, &sin, sizeof sin);
  out.length = sizeof sin;
  out.name = text + ":" + std::to_string(port);
  return true;
}

bool set_v6(const std::string& text, uint16_t port, uint32_t scope, Address& out) {
  struct sockaddr_in6 sin6 {};
  if (inet_pton(AF_INET6, text.c_str(), &sin6.sin6_addr) != 1) return false;
  sin6.sin6_family = AF_INET6;
  sin6.sin6_port = htons(port);
  sin6.sin6_scope_id = scope;
  std::memcpy(&out.storage, &sin6, sizeof sin6);
  out.length = sizeof sin6;
  out.name = "[" + text + "]:" + std::to_string(port);
  return true;
}

// Of the interface `where`; "" for all.
Result<std::vector<Address>> list_addresses(const std::string& where, uint16_t port) {
  struct ifaddrs* list = nullptr;
  if (getifaddrs(&list) != 0) return errno_error("getifaddrs");
  std::vector<Address> out;
  for (const struct ifaddrs* i = list; i != nullptr; i = i->ifa_next) {
    if (i->ifa_addr == nullptr || (!where.empty() && where != i->ifa_name)) continue;
    char text[INET6_ADDRSTRLEN] = "";
    Address a;
    if (i->ifa_addr->sa_family == AF_INET) {
      struct sockaddr_in sin {};
      std::memcpy(&sin, i->ifa_addr, sizeof sin);
      inet_ntop(AF_INET, &sin.sin_addr, text, sizeof text);
      if (set_v4(text, port, a)) out.push_back(a);
    } else if (i->ifa_addr->sa_family == AF_INET6) {
      struct sockaddr_in6 sin6 {};
      std::memcpy(&sin6, i->ifa_addr, sizeof sin6);
      inet_ntop(AF_INET6, &sin6.sin6_addr, text, sizeof text);
      if (set_v6(text, port, sin6.sin6_scope_id, a)) out.push_back(a);
    }
  }
  freeifaddrs(list);
  return out;
}

Result<std::vector<Address>> interface_addresses(const conf::Listener& l) {
  auto out = list_addresses(l.where, l.port);
  if (out && out->empty()) {
    return Error(conf::to_string(l.position) + ": found interface \"" + l.where +
                 "\" without an address, expected one that is up");
  }
  return out;
}

Result<std::vector<Address>> addresses(const conf::Listener& l) {
  std::vector<Address> out;
  Address a;
  switch (l.on) {
    case conf::ListenOn::all:
      if (set_v4("0.0.0.0", l.port, a)) out.push_back(a);
      if (const Fd probe(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0)); probe && set_v6("::", l.port, 0, a))
        out.push_back(a);
      return out;
    case conf::ListenOn::address:
      if (!set_v4(l.where, l.port, a) && !set_v6(l.where, l.port, 0, a)) {
        return Error(conf::to_string(l.position) + ": found \"" + l.where + "\", expected a numeric address");
      }
      out.push_back(a);
      return out;
    case conf::ListenOn::interface: return interface_addresses(l);
    case conf::ListenOn::socket:
      a.name = l.where;
      out.push_back(a);
      return out;
  }
  return out;
}

Result<Fd> listen_tcp(const Address& a) {
  Fd fd(::socket(a.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return errno_error("socket");
  const int on = 1;
  if (setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0) return errno_error("SO_REUSEADDR");
  // Accepted connections inherit it: nobody has to set it again.
  if (setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0) return errno_error("TCP_NODELAY");
  if (a.storage.ss_family == AF_INET6 && setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) != 0) {
    return errno_error("IPV6_V6ONLY");
  }
  if (::bind(fd.get(), reinterpret_cast<const struct sockaddr*>(&a.storage), a.length) != 0) return errno_error("bind");
  if (::listen(fd.get(), kBacklog) != 0) return errno_error("listen");
  return fd;
}

}  // namespace

Result<Fd> listen_unix(const std::string& path, mode_t mode, uid_t uid, gid_t gid) {
  struct sockaddr_un sun {};
  if (path.size() >= sizeof sun.sun_path) return Error(path + ": too long for a socket");
  sun.sun_family = AF_UNIX;
  std::memcpy(sun.sun_path, path.c_str(), path.size() + 1);
  Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return errno_error("socket");
  struct stat st {};
  if (lstat(path.c_str(), &st) == 0) {
    if (!S_ISSOCK(st.st_mode)) return Error(path + ": is there and is not a socket; move it away");
    const Fd probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (::connect(probe.get(), reinterpret_cast<const struct sockaddr*>(&sun), sizeof sun) == 0) {
      return Error(path + ": somebody listens there already; is another mailkeepd running?");
    }
    if (unlink(path.c_str()) != 0) return errno_error("unlink " + path);
  }
  const mode_t old = umask(0777 & ~mode);
  const int rc = ::bind(fd.get(), reinterpret_cast<const struct sockaddr*>(&sun), sizeof sun);
  umask(old);
  if (rc != 0) return errno_error("bind " + path);
  if ((uid != 0 || gid != 0) && lchown(path.c_str(), uid, gid) != 0 && errno != EPERM)
    return errno_error("chown " + path);
  if (::listen(fd.get(), kBacklog) != 0) return errno_error("listen " + path);
  return fd;
}

Result<std::vector<BoundListener>> Listeners::bind(const conf::Config& config) {
  std::vector<BoundListener> out;
  std::map<std::string, std::pair<uint32_t, Fd>> fresh;
  for (const conf::Listener& l : config.listeners) {
    auto where = addresses(l);
    if (!where) return where.error();
    for (const Address& a : *where) {
      const auto known = sockets_.find(a.name);
      uint32_t id = 0;
      if (known != sockets_.end()) {
        id = known->second.first;
      } else {
        auto fd = l.on == conf::ListenOn::socket ? listen_unix(a.name, 0666, 0, 0) : listen_tcp(a);
        if (!fd)
          return Error(conf::to_string(l.position) + ": found " + a.name + " (" + fd.error().text +
                       "), expected an address to listen on");
        id = next_id_++;
        fresh[a.name] = {id, std::move(*fd)};
      }
      out.push_back({id, a.name, l});
    }
  }
  for (auto& [name, entry] : fresh) sockets_[name] = std::move(entry);
  return out;
}

void Listeners::settle(const std::vector<BoundListener>& used) {
  std::set<std::string> names;
  for (const auto& l : used) names.insert(l.name);
  for (auto it = sockets_.begin(); it != sockets_.end();) {
    if (names.count(it->first) != 0) {
      ++it;
      continue;
    }
    if (it->first[0] == '/') unlink(it->first.c_str());
    it = sockets_.erase(it);
  }
}

Result<std::vector<OwnAddress>> smtp_addresses(const std::vector<BoundListener>& listeners) {
  std::vector<OwnAddress> out;
  for (const auto& l : listeners) {
    if (l.config.protocol != conf::Protocol::smtp || l.config.port == 0) continue;
    auto found = l.config.on == conf::ListenOn::all ? list_addresses("", l.config.port) : addresses(l.config);
    if (!found) return found.error();
    for (const auto& a : *found) {
      const bool is_v6 = a.name[0] == '[';
      const std::string address = a.name.substr(is_v6 ? 1 : 0, a.name.rfind(':') - (is_v6 ? 2 : 0));
      const auto same = [&](const OwnAddress& o) { return o.address == address && o.port == l.config.port; };
      if (std::none_of(out.begin(), out.end(), same)) out.push_back({address, l.config.port});
    }
  }
  return out;
}

Result<Fd> Listeners::socket_of(const BoundListener& listener) const {
  const auto it = sockets_.find(listener.name);
  if (it == sockets_.end()) fatal("listener without a socket: " + listener.name);
  Fd copy(fcntl(it->second.second.get(), F_DUPFD_CLOEXEC, 3));
  if (!copy) return errno_error("dup of listener");
  return copy;
}

}  // namespace mailkeep::parent
