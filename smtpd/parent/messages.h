// What the parent receives, beside worker/messages.h, queue::NeedUser, user::Idle and user::Sessions.
// SPDX-License-Identifier: ISC
#pragma once

#include "lib/base/limits.h"
#include "lib/imsg/codec.h"

namespace mailkeep::parent {

// From auth: whoever presents this ticket has logged in as that account. Good once, for 30 seconds.
struct Vouch {
  static constexpr uint16_t kType = 900;
  uint64_t ticket_high = 0;
  uint64_t ticket_low = 0;
  std::string account;
  uint32_t imapd = 0;  // the instance that may present it
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.ticket_high);
    c.num(m.ticket_low);
    c.text(m.account, kMaxAccount);
    c.num(m.imapd);
  }
};

// From imapd.
struct Present {
  static constexpr uint16_t kType = 901;
  uint64_t session = 0;
  uint64_t ticket_high = 0;
  uint64_t ticket_low = 0;
  uint16_t service = 0;  // user::Service
  bool tls = false;
  std::string source;
  std::string tag;
  std::string pending;
  Fd connection;  // a duplicate: imapd keeps its own until Presented says ok
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.session);
    c.num(m.ticket_high);
    c.num(m.ticket_low);
    c.num(m.service);
    c.flag(m.tls);
    c.text(m.source, 64);
    c.text(m.tag, 256);
    c.text(m.pending, 128 * 1024);
    c.fd(m.connection);
  }
};

// From auth: what is that system user's name? Answered by auth::UserNamed.
struct WhoIs {
  static constexpr uint16_t kType = 902;
  uint32_t uid = 0;
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.uid);
  }
};

// From relay: connect to the socket of the LMTP server that this action names. Answered by relay::SocketOpened.
struct OpenSocket {
  static constexpr uint16_t kType = 903;
  uint64_t query = 0;
  std::string action;
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.query);
    c.text(m.action, kMaxTag);
  }
};

// From control.
struct Reload {
  static constexpr uint16_t kType = 910;
  uint32_t query = 0;
  bool tables_only = false;  // only the files of tables that rules and actions ask
  std::string table;         // of these that one; empty: all
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.query);
    c.flag(m.tables_only);
    c.text(m.table, kMaxTag);
  }
};

// From control.
struct StatusQuery {
  static constexpr uint16_t kType = 911;
  uint32_t query = 0;
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.query);
  }
};

// From control: log lines of all processes, to control as worker::LogLine.
struct Follow {
  static constexpr uint16_t kType = 912;
  bool on = false;
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.flag(m.on);
  }
};

}  // namespace mailkeep::parent
