// Local submission: who is at the other end of a connection to one of our sockets (unix(7), SO_PEERCRED), and a ticket
// for the queue. smtpd presents the connection and says nothing; what counts is that it was made to a socket of ours (a
// process that connects elsewhere would see that server's credentials) and that its client is still there.
// SPDX-License-Identifier: ISC
#include <poll.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>

#include "lib/base/text.h"
#include "lib/conf/accounts.h"
#include "smtpd/auth/server.h"
#include "smtpd/parent/messages.h"

namespace mailkeep::auth {

using imsg::PeerId;

namespace {

constexpr Micros kNameLife = Seconds(60);
constexpr size_t kMaxNames = 10'000;

// Where the socket is that accepted it.
std::string path_of(const Fd& fd) {
  struct sockaddr_un address {};
  socklen_t length = sizeof address;
  if (getsockname(fd.get(), reinterpret_cast<struct sockaddr*>(&address), &length) != 0 ||
      address.sun_family != AF_UNIX)
    return {};
  constexpr size_t kHead = offsetof(struct sockaddr_un, sun_path);
  if (length <= kHead) return {};
  return std::string(address.sun_path, strnlen(address.sun_path, std::min(length - kHead, sizeof address.sun_path)));
}

bool is_plain(const std::string& text) {
  return text.size() <= kMaxAddress && std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 127; });
}

bool has_hung_up(const Fd& fd) {
  struct pollfd p {
    fd.get(), 0, 0
  };
  return poll(&p, 1, 0) != 0;
}

Result<uint32_t> client_of(const Fd& fd, const std::vector<std::string>& sockets) {
  if (!fd) return Error("no descriptor came");
  const std::string path = path_of(fd);
  if (path.empty() || std::find(sockets.begin(), sockets.end(), path) == sockets.end())
    return Error("not a connection to a local socket");
  struct ucred peer {};
  socklen_t length = sizeof peer;
  if (getsockopt(fd.get(), SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0 || length != sizeof peer)
    return errno_error("SO_PEERCRED");
  if (has_hung_up(fd)) return Error("the client is gone");
  return static_cast<uint32_t>(peer.uid);
}

}  // namespace

void Server::on_identify(PeerId from, Identify&& m) {
  const Asker asker{from, m.session};
  const auto uid = client_of(m.connection, now_.sockets);
  if (!uid) return turn_away(asker, !m.connection, uid.error().text);
  const auto known = names_.find(*uid);
  if (known != names_.end() && known->second.until > now_monotonic()) return introduce(asker, *uid, known->second.name);
  if (asking_ >= kMaxPending) return turn_away(asker, true, "too many at once");
  auto& askers = askers_[*uid];
  askers.push_back(asker);
  asking_++;
  if (askers.size() > 1) return;  // it has been asked
  parent::WhoIs who;
  who.uid = *uid;
  worker_.send_parent(who);
}

void Server::on_user_named(PeerId, UserNamed&& m) {
  if (names_.size() >= kMaxNames) names_.clear();
  names_[m.uid] = {m.name, now_monotonic() + kNameLife};
  auto node = askers_.extract(m.uid);
  if (node.empty()) return;
  asking_ -= node.mapped().size();
  for (const Asker& asker : node.mapped()) introduce(asker, m.uid, m.name);
}

// root has none: its mail is somebody else's to read. Of the system's users "Bob" and "bob" are two, of accounts they
// are one: bob's.
std::string Server::account_of(uint32_t uid, const std::string& name) const {
  if (uid == 0 || now_.none) return {};
  if (!now_.system) return now_.accounts.of_uid(uid);
  return conf::is_account_name(name) && name == lower(name) ? name : "";
}

void Server::introduce(const Asker& asker, uint32_t uid, const std::string& name) {
  Identified m;
  m.session = asker.session;
  m.account = account_of(uid, name);
  m.user = name;
  if (name.empty()) return turn_away(asker, false, "no user here has the uid " + std::to_string(uid));
  m.origin = now_.origin;
  m.address = m.account.empty()                          ? name + "@" + now_.hostname
              : m.account.find('@') == std::string::npos ? m.account + "@" + now_.origin
                                                         : m.account;
  if (!is_plain(m.user) || !is_plain(m.address))
    return turn_away(asker, false, "the name of this user is none that an address can have");
  std::array<uint64_t, 2> ticket{};
  if (getrandom(ticket.data(), sizeof ticket, 0) != static_cast<ssize_t>(sizeof ticket)) fatal("getrandom failed");
  m.ok = true;
  m.any_sender = uid == 0 || now_.trusted.count(name) != 0;
  m.ticket_high = ticket[0];
  m.ticket_low = ticket[1];
  queue::Vouch v;
  v.ticket_high = m.ticket_high;
  v.ticket_low = m.ticket_low;
  v.account = m.account;
  v.user = m.user;
  v.any_sender = m.any_sender;
  v.smtpd = asker.peer.instance;
  v.until = now_unix() + kTicketLife.count();
  if (!tell_queue(v)) return turn_away(asker, true, "the queue is not there");
  log::info("local-user").kv("session", hex64(m.session)).kv("user", m.user).kv("uid", uid).kv("account", m.account);
  worker_.send(asker.peer, m);
}

void Server::turn_away(const Asker& asker, bool unavailable, const std::string& why) {
  Identified m;
  m.session = asker.session;
  m.unavailable = unavailable;
  m.text = why.substr(0, 200);
  log::info("local-refused").kv("session", hex64(m.session)).kv("text", why);
  worker_.send(asker.peer, m);
}

}  // namespace mailkeep::auth
