// The auth process: see server.h.
// SPDX-License-Identifier: ISC
#include "smtpd/auth/server.h"

#include <string.h>
#include <sys/random.h>

#include <array>

#include "lib/base/text.h"
#include "queue/messages.h"
#include "smtpd/auth/password.h"
#include "smtpd/auth/secret.h"
#include "smtpd/parent/messages.h"

namespace mailkeep::auth {

using imsg::PeerId;
using imsg::Role;

Server::Server(event::Loop& loop) : loop_(loop), children_(loop, {}), worker_(loop, *this, routes()) {}

imsg::Routes<Server> Server::routes() {
  imsg::Routes<Server> r;
  r.add<Config>(Role::kParent, &Server::on_config);
  r.add<Check>(Role::kImapd, &Server::on_check);
  r.add<Check>(Role::kSmtpd, &Server::on_check);
  r.add<PamAnswer>(Role::kPam, &Server::on_pam_answer);
  r.add<Identify>(Role::kSmtpd, &Server::on_identify);
  r.add<UserNamed>(Role::kParent, &Server::on_user_named);
  return r;
}

void Server::on_config(PeerId, Config&& m) {
  Setup& next = next_[m.generation];
  next.system = m.system;
  for (const auto& domain : m.domains) next.domains.insert(lower(domain));
  next.hostname = lower(m.hostname);
  next.origin = m.domains.empty() ? next.hostname : lower(m.domains.front());
  next.sockets = std::move(m.sockets);
  next.trusted = {m.trusted.begin(), m.trusted.end()};
  next.none = m.none;
  if (m.system || m.none) return;
  if (!m.table) {
    next.error = "auth: " + (m.path.empty() ? "no table" : m.path + ": not there");
    return;
  }
  auto accounts = Accounts::read(m.table, m.path);
  if (accounts) {
    next.accounts = std::move(*accounts);
  } else {
    next.error = accounts.error().text;
  }
}

Status Server::on_prepare(uint32_t generation) {
  const auto it = next_.find(generation);
  if (it == next_.end()) return Error("auth: no configuration came");
  if (!it->second.error.empty()) return Error(it->second.error);
  return {};
}

void Server::on_commit(uint32_t generation) {
  const auto it = next_.find(generation);
  if (it == next_.end()) return;
  now_ = std::move(it->second);
  next_.erase(next_.begin(), std::next(it));
  log::info("auth-loaded")
      .kv("generation", generation)
      .kv("kind", now_.none     ? "none"
                  : now_.system ? "system"
                                : "table")
      .kv("accounts", now_.accounts.size());
}

void Server::on_abort(uint32_t generation) { next_.erase(generation); }

void Server::on_check(PeerId from, Check&& m) {
  const uint64_t query = ++last_query_;
  Pending& p = pending_[query];
  p.peer = from;
  p.session = m.session;
  p.name = m.name;
  p.source = m.source;
  p.service = m.service;
  if (pending_.size() > kMaxPending) return finish(query, PamVerdict::kUnavailable, "too many checks at hand");
  p.account = canonical_account(m.name, now_.domains, now_.accounts);
  if (now_.system) {
    check_system(query, std::move(m.password));
  } else {
    check_table(query, std::move(m.password));
  }
}

void Server::check_table(uint64_t query, std::string password) {
  const Pending& p = pending_[query];
  const bool known = now_.accounts.has(p.account);
  const auto secret = std::make_shared<const Secret>(std::move(password));
  // An unknown account costs the same work, on a hash that then does not count.
  const auto work = [secret, hash = now_.accounts.hash(p.account)] {
    return std::string(verify_password(hash, secret->text) ? "y" : "n");
  };
  const bool usable = known && now_.accounts.is_usable(p.account);
  const auto done = [this, query, known, usable](const std::optional<std::string>& answer) {
    if (!answer) return finish(query, PamVerdict::kUnavailable, "the check ended without an answer");
    if (!known) return finish(query, PamVerdict::kDenied, "no such account");
    if (!usable) return finish(query, PamVerdict::kDenied, "account is locked");
    if (*answer != "y") return finish(query, PamVerdict::kDenied, "wrong password");
    finish(query, PamVerdict::kOk, "");
  };
  if (!children_.run(work, done)) finish(query, PamVerdict::kUnavailable, "too many checks at hand");
}

void Server::check_system(uint64_t query, std::string password) {
  Pending& p = pending_[query];
  const Secret secret(std::move(password));
  if (p.account.empty() || secret.text.find('\0') != std::string::npos) {
    return finish(query, PamVerdict::kDenied, "not a name or password that can be");
  }
  PamCheck m;
  m.query = query;
  m.name = p.account;
  m.password = secret.text;
  m.source = p.source;
  p.at_pam = true;
  if (!worker_.send_role(Role::kPam, m)) finish(query, PamVerdict::kUnavailable, "pam is not there");
  explicit_bzero(m.password.data(), m.password.size());
}

void Server::on_pam_answer(PeerId, PamAnswer&& m) {
  const auto it = pending_.find(m.query);
  if (it == pending_.end() || !it->second.at_pam) return;
  it->second.at_pam = false;
  finish(m.query, m.verdict, m.text);
}

void Server::on_peer_down(PeerId peer) {
  if (peer.role != Role::kPam) return;
  std::vector<uint64_t> lost;
  for (const auto& [query, p] : pending_) {
    if (p.at_pam) lost.push_back(query);
  }
  for (const uint64_t query : lost) finish(query, PamVerdict::kUnavailable, "pam died");
}

void Server::finish(uint64_t query, PamVerdict verdict, const std::string& why) {
  const auto it = pending_.find(query);
  if (it == pending_.end()) return;
  Pending& p = it->second;
  if (verdict == PamVerdict::kDenied) return refuse(query, p, why);
  if (verdict == PamVerdict::kOk) {
    accept(p);
  } else {
    log::warn("auth-unavailable")
        .kv("session", hex64(p.session))
        .kv("account", p.name)
        .kv("src", p.source)
        .kv("service", p.service)
        .kv("text", why);
    Checked m;
    m.unavailable = true;
    m.text = why.substr(0, 200);
    answer(p, std::move(m));
  }
  pending_.erase(it);
}

void Server::accept(const Pending& p) {
  std::array<uint64_t, 2> ticket{};
  if (getrandom(ticket.data(), sizeof ticket, 0) != static_cast<ssize_t>(sizeof ticket)) fatal("getrandom failed");
  Checked m;
  m.ok = true;
  m.account = p.account;
  m.ticket_high = ticket[0];
  m.ticket_low = ticket[1];
  if (!vouch(p, m)) {
    log::warn("auth-unavailable")
        .kv("session", hex64(p.session))
        .kv("account", p.account)
        .kv("src", p.source)
        .kv("service", p.service)
        .kv("text", "the queue is not there");
    m = {};
    m.unavailable = true;
    return answer(p, std::move(m));
  }
  accepted_++;
  log::info("auth-ok")
      .kv("session", hex64(p.session))
      .kv("account", p.account)
      .kv("src", p.source)
      .kv("service", p.service);
  answer(p, std::move(m));
}

// Who is told must know the ticket before it can be presented: its frame leaves now.
bool Server::vouch(const Pending& p, const Checked& m) {
  if (p.peer.role == Role::kImapd) {
    parent::Vouch v;
    v.ticket_high = m.ticket_high;
    v.ticket_low = m.ticket_low;
    v.account = m.account;
    v.imapd = p.peer.instance;
    worker_.send_parent(v);
    worker_.flush_parent();
    return true;
  }
  queue::Vouch v;
  v.ticket_high = m.ticket_high;
  v.ticket_low = m.ticket_low;
  v.account = m.account;
  v.smtpd = p.peer.instance;
  v.until = now_unix() + kTicketLife.count();
  return tell_queue(v);
}

bool Server::tell_queue(const queue::Vouch& v) {
  const PeerId to{Role::kQueue, 0};
  if (!worker_.send(to, v)) return false;
  worker_.flush(to);
  return true;
}

void Server::refuse(uint64_t query, Pending& p, const std::string& why) {
  refused_++;
  log::info("auth-failed")
      .kv("session", hex64(p.session))
      .kv("account", p.account.empty() ? p.name : p.account)
      .kv("src", p.source)
      .kv("service", p.service)
      .kv("text", why);
  p.delay = std::make_unique<event::Timer>(loop_, [this, query, why] {
    const auto it = pending_.find(query);
    if (it == pending_.end()) return;
    const Pending over = std::move(it->second);  // its timer is what runs here: it goes last
    pending_.erase(it);
    Checked m;
    m.text = why.substr(0, 200);
    answer(over, std::move(m));
  });
  p.delay->set(kFailureDelay);
}

void Server::answer(const Pending& p, Checked m) {
  m.session = p.session;
  worker_.send(p.peer, m);
}

std::vector<worker::Stat> Server::stats() {
  return {{"accepted", accepted_},
          {"refused", refused_},
          {"pending", pending_.size()},
          {"children", children_.running()},
          {"accounts", now_.accounts.size()}};
}

}  // namespace mailkeep::auth
