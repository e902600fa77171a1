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

struct Config {
  static constexpr uint16_t kType = 600;
  uint32_t generation = 0;
  bool system = false;  // ask PAM through pam; else the table
  std::string path;  // the table's, for error messages
  Fd table;  // passwd(5) fields with hashes
  std::vector<std::string> domains;  // name@domain is the same as name for these
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.generation);
    c.flag(m.system);
    c.text(m.path, 4096);
    c.fd(m.table);
    c.texts(m.domains, 10000, kMaxDomain);
  }
};

// From imapd or smtpd; answered by Checked.
struct Check {
  static constexpr uint16_t kType = 610;
  uint64_t session = 0;
  std::string name;  // as the client gave it
  std::string password;
  std::string source;  // the client's address
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
  std::string account;  // canonical
  uint64_t ticket_high = 0;
  uint64_t ticket_low = 0;  // imapd presents it to the parent, once, soon; smtpd to the queue, with each message
  std::string text;  // reason for the log, never for the client
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
