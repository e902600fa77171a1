// What the auth process receives, what it answers to imapd and smtpd, and what pam receives from it.
// SPDX-License-Identifier: ISC
#pragma once

#include "lib/base/clock.h"
#include "lib/base/limits.h"
#include "lib/imsg/codec.h"

namespace mailkeep::auth {

// How long a login counts for new transactions of its session; the ticket that goes with it lives a little longer, for
// the transaction that is under way.
constexpr Seconds kLoginLife{3600};
constexpr Seconds kTicketLife = kLoginLife + Seconds(900);

constexpr size_t kMaxLocalSockets = 64;
constexpr size_t kMaxSocketPath = 107;  // sun_path of unix(7)
constexpr size_t kMaxTrusted = 256;

struct Config {
  static constexpr uint16_t kType = 600;
  uint32_t generation = 0;
  bool none = false;                 // there are no accounts: it only says who local users are
  bool system = false;               // ask PAM through pam; else the table
  std::string path;                  // the table's, for error messages
  Fd table;                          // passwd(5) fields with hashes
  std::vector<std::string> domains;  // name@domain is the same as name for these
  std::string hostname;              // where a local user without an account has its address
  std::vector<std::string> sockets;  // the paths of the local listeners
  std::vector<std::string> trusted;  // system users that may send as anybody
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.generation);
    c.flag(m.none);
    c.flag(m.system);
    c.text(m.path, 4096);
    c.fd(m.table);
    c.texts(m.domains, 10000, kMaxDomain);
    c.text(m.hostname, kMaxHostname);
    c.texts(m.sockets, kMaxLocalSockets, kMaxSocketPath);
    c.texts(m.trusted, kMaxTrusted, kMaxAccount);
  }
};

// From imapd or smtpd; answered by Checked.
struct Check {
  static constexpr uint16_t kType = 610;
  uint64_t session = 0;
  std::string name;  // as the client gave it
  std::string password;
  std::string source;   // the client's address
  std::string service;  // "imap", "submission"
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.session);
    c.text(m.name, kMaxAddress);
    c.text(m.password, kMaxPassword);
    c.text(m.source, 64);
    c.text(m.service, 16);
  }
};

// To imapd or smtpd.
struct Checked {
  static constexpr uint16_t kType = 620;
  uint64_t session = 0;
  bool ok = false;
  bool unavailable = false;  // could not be checked now: not the client's fault
  std::string account;       // canonical
  uint64_t ticket_high = 0;
  uint64_t ticket_low = 0;  // imapd presents it to the parent, once, soon; smtpd to the queue, with each message
  std::string text;         // reason for the log, never for the client
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.session);
    c.flag(m.ok);
    c.flag(m.unavailable);
    c.text(m.account, kMaxAccount);
    c.num(m.ticket_high);
    c.num(m.ticket_low);
    c.text(m.text, 200);
  }
};

// From smtpd: who is at the other end of this connection to a local socket? Answered by Identified.
struct Identify {
  static constexpr uint16_t kType = 611;
  uint64_t session = 0;
  Fd connection;  // a duplicate of the client's
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.session);
    c.fd(m.connection);
  }
};

// To smtpd.
struct Identified {
  static constexpr uint16_t kType = 621;
  uint64_t session = 0;
  bool ok = false;
  bool unavailable = false;  // could not be found out now
  std::string account;       // empty: a system user that has none
  std::string user;          // the system user's name
  bool any_sender = false;   // trusted
  std::string address;       // what it sends as, unless it says otherwise
  std::string origin;        // the domain of names without one
  uint64_t ticket_high = 0;
  uint64_t ticket_low = 0;
  std::string text;  // why not
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.session);
    c.flag(m.ok);
    c.flag(m.unavailable);
    c.text(m.account, kMaxAccount);
    c.text(m.user, kMaxAccount);
    c.flag(m.any_sender);
    c.text(m.address, kMaxAddress);
    c.text(m.origin, kMaxDomain);
    c.num(m.ticket_high);
    c.num(m.ticket_low);
    c.text(m.text, 200);
  }
};

// From the parent, the answer to its WhoIs.
struct UserNamed {
  static constexpr uint16_t kType = 650;
  uint32_t uid = 0;
  std::string name;  // empty: there is no such user, or none that may send
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.uid);
    c.text(m.name, kMaxAccount);
  }
};

// From auth to pam.
struct PamCheck {
  static constexpr uint16_t kType = 630;
  uint64_t query = 0;
  std::string name;
  std::string password;
  std::string source;
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.query);
    c.text(m.name, kMaxAccount);
    c.text(m.password, kMaxPassword);
    c.text(m.source, 64);
  }
};

enum class PamVerdict : uint8_t { kOk, kDenied, kUnavailable };

// From pam to auth.
struct PamAnswer {
  static constexpr uint16_t kType = 640;
  uint64_t query = 0;
  PamVerdict verdict = PamVerdict::kOk;
  std::string text;
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.query);
    c.choice(m.verdict, PamVerdict::kUnavailable);
    c.text(m.text, 200);
  }
};

}  // namespace mailkeep::auth
