// Configuration slices: see slices.h.
// SPDX-License-Identifier: ISC
#include "smtpd/parent/slices.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>

#include "imapd/login/messages.h"
#include "lib/base/text.h"
#include "lmtpd/user/messages.h"
#include "queue/messages.h"
#include "smtpd/auth/messages.h"
#include "smtpd/listen/messages.h"
#include "smtpd/parent/files.h"
#include "smtpd/parent/slices_lookup.h"
#include "smtpd/tls/messages.h"

namespace mailkeep::parent {

using imsg::Role;

namespace {

bool is_smtp(conf::Protocol p) {
  return p == conf::Protocol::smtp || p == conf::Protocol::submission || p == conf::Protocol::submissions ||
         p == conf::Protocol::local;
}
bool is_imap(conf::Protocol p) {
  return p == conf::Protocol::imap || p == conf::Protocol::imaps || p == conf::Protocol::sieve;
}
bool is_lmtp(conf::Protocol p) { return p == conf::Protocol::lmtp; }

bool any_listener(const conf::Config& c, bool (*is)(conf::Protocol)) {
  return std::any_of(c.listeners.begin(), c.listeners.end(), [is](const auto& l) { return is(l.protocol); });
}

bool any_relay(const conf::Config& c) {
  return std::any_of(c.actions.begin(), c.actions.end(), [](const auto& a) { return conf::relays(a.kind); });
}

uint16_t phase_bit(conf::Phase phase) { return static_cast<uint16_t>(1U << static_cast<unsigned>(phase)); }
uint32_t count(uint64_t n) { return static_cast<uint32_t>(std::min<uint64_t>(n, UINT32_MAX)); }

// Debian's, then RHEL's.
std::vector<std::string> authority_files(const conf::Config& c) {
  if (!c.options.tls_authorities.empty()) return {c.options.tls_authorities};
  return {"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt"};
}

Status send_tls(imsg::Channel& to, const Generation& g) {
  for (const auto& p : g.config.pki) {
    tls::Keypair m;
    m.generation = g.number;
    m.name = p.name;
    auto cert = g.file(p.cert);
    if (!cert) return cert.error();
    auto key = g.file(p.key);
    if (!key) return key.error();
    m.cert = std::move(*cert);
    m.key = std::move(*key);
    to.send(m);
  }
  if (g.relay_actions.empty()) return {};
  tls::Authorities m;
  m.generation = g.number;
  if (!g.authorities.empty()) {
    auto bundle = g.file(g.authorities);
    if (!bundle) return bundle.error();
    m.path = g.authorities;
    m.bundle = std::move(*bundle);
  }
  to.send(m);  // without a bundle: `tls verify` then says why it cannot
  return {};
}

smtpd::Protocol smtp_protocol(conf::Protocol p) {
  switch (p) {
    case conf::Protocol::submission: return smtpd::Protocol::kSubmission;
    case conf::Protocol::submissions: return smtpd::Protocol::kSubmissions;
    case conf::Protocol::lmtp: return smtpd::Protocol::kLmtp;
    case conf::Protocol::local: return smtpd::Protocol::kLocal;
    default: return smtpd::Protocol::kSmtp;
  }
}

Status send_smtp(imsg::Channel& to, const Generation& g, const Listeners& sockets, bool (*mine)(conf::Protocol)) {
  const auto& o = g.config.options;
  smtpd::Config m;
  m.generation = g.number;
  m.hostname = g.hostname;
  m.message_size = o.message_size;
  m.max_recipients = count(std::min<uint64_t>(o.max_recipients, kMaxRecipients));
  m.max_sessions = count(o.max_sessions);
  m.max_sessions_per_source = count(o.max_sessions_per_source);
  m.max_received = count(o.max_received);
  m.max_sessions_per_network = count(o.max_sessions_per_network);
  m.max_recipients_per_session = count(o.max_recipients_per_session);
  m.max_messages_per_hour = count(o.max_messages_per_hour);
  m.max_recipients_per_hour = count(o.max_recipients_per_hour);
  m.max_errors = count(o.max_errors);
  m.error_delay = seconds(o.error_delay);
  m.greet_pause = seconds(o.greet_pause);
  m.busy_timeout = seconds(o.smtp_busy_timeout);
  m.max_messages_per_session = count(o.max_messages_per_session);
  m.idle_timeout = seconds(o.smtp_idle_timeout);
  m.min_deliver_by = seconds(o.min_deliver_by);
  m.max_hold = seconds(o.max_hold);
  m.offer_dsn = o.dsn == "all";
  m.rewrites_senders = g.config.canonical.any();
  m.strict_local = o.local_from == "refuse";
  to.send(m);
  for (const auto& l : g.listeners) {
    if (!mine(l.config.protocol)) continue;
    smtpd::Listener out;
    out.generation = g.number;
    out.id = l.id;
    out.protocol = smtp_protocol(l.config.protocol);
    out.tag = l.config.tag;
    out.name = l.name;
    out.pki = l.config.pki;
    out.trusted = l.config.trust.networks;
    out.proxies = l.config.proxy.networks;
    out.xclients = l.config.xclient.networks;
    for (const auto& name : l.config.filters) out.phases |= phase_bit(g.config.filter(name)->phase);
    auto fd = sockets.socket_of(l);
    if (!fd) return fd.error();
    out.socket = std::move(*fd);
    to.send(out);
  }
  return {};
}

Status send_imap(imsg::Channel& to, const Generation& g, const Listeners& sockets) {
  const auto& o = g.config.options;
  imapd::Config m;
  m.generation = g.number;
  m.hostname = g.hostname;
  m.max_sessions = count(o.max_sessions);
  m.max_sessions_per_source = count(o.max_sessions_per_source);
  m.login_timeout = seconds(o.imap_login_timeout);
  to.send(m);
  for (const auto& l : g.listeners) {
    if (!is_imap(l.config.protocol)) continue;
    imapd::Listener out;
    out.generation = g.number;
    out.id = l.id;
    out.protocol = l.config.protocol == conf::Protocol::imaps   ? imapd::Protocol::kImaps
                   : l.config.protocol == conf::Protocol::sieve ? imapd::Protocol::kSieve
                                                                : imapd::Protocol::kImap;
    out.plaintext_ok = l.config.plaintext_ok;
    out.name = l.name;
    out.pki = l.config.pki;
    auto fd = sockets.socket_of(l);
    if (!fd) return fd.error();
    out.socket = std::move(*fd);
    to.send(out);
  }
  return {};
}

Status send_auth(imsg::Channel& to, const Generation& g) {
  auth::Config m;
  m.generation = g.number;
  m.none = g.config.auth.kind == conf::AuthKind::none;
  m.system = g.config.auth.kind == conf::AuthKind::system;
  m.domains = g.config.domains;
  m.hostname = g.hostname;
  for (const auto& l : g.listeners) {
    if (l.config.protocol != conf::Protocol::local) continue;
    if (m.sockets.size() == auth::kMaxLocalSockets) {
      return Error(conf::to_string(l.config.position) + ": found one more local socket, expected at most " +
                   std::to_string(auth::kMaxLocalSockets));
    }
    m.sockets.push_back(l.name);
  }
  for (const auto name : split(g.config.options.trusted_users, ' ')) {
    if (name.size() > kMaxAccount || m.trusted.size() == auth::kMaxTrusted) {
      return Error("trusted-users: found '" + printable(name, 60) + "', expected at most " +
                   std::to_string(auth::kMaxTrusted) + " system users");
    }
    if (!name.empty()) m.trusted.emplace_back(name);
  }
  if (m.system || m.none) {
    to.send(m);
    return {};
  }
  {
    const conf::Table* t = g.config.table(g.config.auth.table);
    if (t == nullptr) fatal("auth table vanished");
    m.path = t->path;
    auto fd = g.file(t->path);
    if (!fd) return fd.error();
    m.table = std::move(*fd);
  }
  to.send(m);
  return {};
}

void send_queue(imsg::Channel& to, const Generation& g) {
  const auto& o = g.config.options;
  queue::Config m;
  m.generation = g.number;
  m.hostname = g.hostname;
  m.message_size = o.message_size;
  m.lifetime = static_cast<uint64_t>(o.queue_lifetime.count());
  m.first_retry = static_cast<uint64_t>(o.queue_first_retry.count());
  m.max_retry = static_cast<uint64_t>(o.queue_max_retry.count());
  m.bounce_size = o.bounce_size;
  m.probe = static_cast<uint64_t>(o.queue_probe.count());
  m.history = static_cast<uint64_t>(o.queue_history.count());
  m.history_entries = o.queue_history_entries;
  m.warn_after = static_cast<uint64_t>(o.queue_delay_warning.count());
  m.strangers = o.reports_to_strangers == "sender" ? queue::Strangers::kSender
                : o.reports_to_strangers == "none" ? queue::Strangers::kNone
                                                   : queue::Strangers::kPostmaster;
  m.postmaster = o.postmaster.find('@') != std::string::npos ? o.postmaster
                 : g.config.domains.empty()                  ? "postmaster@" + g.hostname
                                                             : "postmaster@" + g.config.domains.front();
  for (const auto& a : g.relay_actions) m.relays.push_back({a.name, !a.hosts.empty(), a.lmtp});
  to.send(m);
}

void send_relay(imsg::Channel& to, const Generation& g) {
  relay::Config m;
  m.generation = g.number;
  m.hostname = g.hostname;
  m.mta_sts = g.config.options.mta_sts == "on";
  m.report_interval = seconds(g.config.options.tls_report_interval);
  const std::string& learn = g.config.options.tls_learn;
  m.learn = learn == "enforce"   ? relay::Learn::kEnforce
            : learn == "suggest" ? relay::Learn::kSuggest
                                 : relay::Learn::kOff;
  to.send(m);
  for (relay::Action action : g.relay_actions) {
    action.generation = g.number;
    to.send(action);
  }
  for (const auto& p : g.config.providers) {
    relay::Provider provider;
    provider.generation = g.number;
    provider.name = p.name;
    provider.suffixes = p.suffixes;
    provider.connections = p.connections;
    provider.delay = p.rate == 0 ? 0 : 60'000 / p.rate;
    to.send(provider);
  }
  for (relay::TlsRule rule : g.tls_rules) {
    rule.generation = g.number;
    to.send(rule);
  }
}

void send_user(imsg::Channel& to, const Generation& g) {
  user::Config m;
  m.generation = g.number;
  m.message_size = g.config.options.message_size;
  m.idle = static_cast<uint64_t>(g.config.options.user_idle.count());
  m.imap_idle = static_cast<uint64_t>(g.config.options.imap_idle_timeout.count());
  m.hostname = g.hostname;
  to.send(m);
}

}  // namespace

Result<Fd> Generation::file(const std::string& path) const {
  const auto it = files.find(path);
  if (it == files.end()) fatal("a file that was not opened with its configuration: " + path);
  Fd copy(fcntl(it->second.get(), F_DUPFD_CLOEXEC, 3));
  if (!copy) return errno_error("dup of " + path);
  return copy;
}

Status open_files(Generation& g) {
  const auto open = [&g](const std::string& path, const conf::Position& where) -> Status {
    if (g.files.count(path) != 0) return {};
    auto fd = open_for_worker(path);
    if (fd) {
      g.files[path] = std::move(*fd);
      return {};
    }
    std::string text = conf::to_string(where) + ": " + fd.error().text;
    if (fd.error().code == EACCES)
      text += "; mailkeepd reads it as root, but without rights over others' files: chown root " + path;
    return Error(text, fd.error().code);
  };
  for (const auto& p : g.config.pki) {
    if (auto done = open(p.cert, p.position); !done) return done;
    if (auto done = open(p.key, p.position); !done) return done;
  }
  for (const auto& t : g.config.tables) {
    if (t.kind != conf::TableKind::file || is_relays(g.config, t.name)) continue;
    if (auto done = open(t.path, t.position); !done) return done;
  }
  if (!any_relay(g.config)) return {};
  for (const std::string& path : authority_files(g.config)) {
    auto bundle = open_for_worker(path);
    if (!bundle && g.config.options.tls_authorities.empty()) continue;
    if (!bundle) return Error("tls-authorities: " + bundle.error().text);
    g.authorities = path;
    g.files[path] = std::move(*bundle);
    break;
  }
  return {};
}

bool is_relays(const conf::Config& c, const std::string& table) {
  return table == c.tls_policy ||
         std::any_of(c.actions.begin(), c.actions.end(), [&](const auto& a) { return a.credentials == table; });
}

std::vector<worker::BootPlace> places_of(const conf::Config& config) {
  std::vector<worker::BootPlace> out;
  bool any = false;
  for (const auto& a : config.actions) {
    if (!conf::is_place(a.kind) && a.kind != conf::ActionKind::deliver) continue;
    const auto kind = a.kind == conf::ActionKind::deliver ? worker::PlaceKind::kMailbox
                      : a.kind == conf::ActionKind::mbox  ? worker::PlaceKind::kMbox
                      : a.junk                            ? worker::PlaceKind::kMaildirWithJunk
                                                          : worker::PlaceKind::kMaildir;
    any = any || conf::is_place(a.kind) || a.forward_file;
    out.push_back({a.name, kind, a.path, a.forward_file});
  }
  if (!any) out.clear();
  return out;
}

std::string lmtp_socket_of(const Generation& g, const std::string& action) {
  const auto& all = g.relay_actions;
  const auto it =
      std::find_if(all.begin(), all.end(), [&](const relay::Action& a) { return a.name == action && a.lmtp; });
  return it == all.end() || it->hosts.empty() || !it->hosts[0].host.starts_with('/') ? std::string()
                                                                                     : it->hosts[0].host;
}

uint32_t workers_of(Role role, const conf::Config& c) {
  switch (role) {
    case Role::kTls: return c.pki.empty() && !any_relay(c) ? 0 : std::max(1U, count(c.options.tls_workers));
    case Role::kRelay: return any_relay(c) ? 1 : 0;
    case Role::kSmtpd: return any_listener(c, is_smtp) ? std::max(1U, count(c.options.smtpd_workers)) : 0;
    case Role::kLmtpd: return any_listener(c, is_lmtp) ? 1 : 0;
    case Role::kImapd: return any_listener(c, is_imap) ? 1 : 0;
    case Role::kAuth: return c.auth.kind != conf::AuthKind::none || c.speaks(conf::Protocol::local) ? 1 : 0;
    case Role::kPam: return c.auth.kind == conf::AuthKind::system ? 1 : 0;
    case Role::kLookup:
    case Role::kQueue:
    case Role::kControl: return 1;
    case Role::kParent:
    case Role::kUser: return 0;
  }
  return 0;
}

bool are_peers(Role a, Role b) {
  const auto is = [a, b](Role x, Role y) { return (a == x && b == y) || (a == y && b == x); };
  if (is(Role::kTls, Role::kSmtpd) || is(Role::kTls, Role::kImapd)) return true;
  if (is(Role::kLookup, Role::kSmtpd) || is(Role::kLookup, Role::kLmtpd) || is(Role::kLookup, Role::kQueue))
    return true;
  if (is(Role::kRelay, Role::kTls) || is(Role::kRelay, Role::kLookup) || is(Role::kRelay, Role::kQueue)) return true;
  if (is(Role::kQueue, Role::kSmtpd) || is(Role::kQueue, Role::kLmtpd)) return true;
  if (is(Role::kAuth, Role::kImapd) || is(Role::kAuth, Role::kPam)) return true;
  if (is(Role::kAuth, Role::kSmtpd) || is(Role::kAuth, Role::kQueue)) return true;
  if (a == Role::kControl || b == Role::kControl) {
    const Role other = a == Role::kControl ? b : a;
    return other != Role::kControl && other != Role::kUser && other != Role::kPam && other != Role::kParent;
  }
  return false;
}

Status send_slice(imsg::Channel& to, Role role, const Generation& g, const Listeners& sockets) {
  switch (role) {
    case Role::kTls: return send_tls(to, g);
    case Role::kSmtpd: return send_smtp(to, g, sockets, is_smtp);
    case Role::kLmtpd: return send_smtp(to, g, sockets, is_lmtp);
    case Role::kImapd: return send_imap(to, g, sockets);
    case Role::kLookup: return send_lookup(to, g);
    case Role::kAuth: return send_auth(to, g);
    case Role::kQueue: send_queue(to, g); return {};
    case Role::kRelay: send_relay(to, g); return {};
    case Role::kUser: send_user(to, g); return {};
    case Role::kControl:  // gets its socket once, from the parent itself
    case Role::kPam:
    case Role::kParent: return {};
  }
  return {};
}

}  // namespace mailkeep::parent
