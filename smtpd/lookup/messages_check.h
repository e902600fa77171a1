// Questions about senders, recipients and phases of a session, and their answers.
// SPDX-License-Identifier: ISC
#pragma once

#include "lib/base/limits.h"
#include "lib/imsg/codec.h"
#include "smtpd/lookup/messages_config.h"

namespace mailkeep::lookup {

// What is known of a client's name: PTR records of its address, and whether such a name leads back to the address.
enum class NameState : uint8_t { kUnasked, kFailed, kNone, kUnconfirmed, kConfirmed };

constexpr size_t kMaxTlsText = 100;  // a version and a cipher

// What the rules may ask of a session.
struct SessionFacts {
  std::string source;  // the client's address in text, or "local" for a socket
  NameState name_state = NameState::kUnasked;
  std::string name;  // lower case, when kConfirmed; else empty
  std::string helo;
  std::string tag;      // the listener's
  std::string tls;      // version and cipher; empty: none
  std::string account;  // vouched for by auth; empty: not authenticated
  std::string user;     // the system user of a local submission, vouched for by auth
  std::string sender;   // without brackets; empty: <>
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.text(m.source, 64);
    c.choice(m.name_state, NameState::kConfirmed);
    c.text(m.name, kMaxHostname);
    c.text(m.helo, kMaxHostname);
    c.text(m.tag, kMaxTag);
    c.text(m.tls, kMaxTlsText);
    c.text(m.account, kMaxAccount);
    c.text(m.user, kMaxAccount);
    c.text(m.sender, kMaxAddress);
  }
};

// From smtpd and lmtpd at RCPT; answered with smtpd's RcptVerdict.
struct CheckRcpt {
  static constexpr uint16_t kType = 310;
  uint64_t session = 0;
  uint32_t query = 0;     // echoed in the answer
  uint32_t listener = 0;  // whose filters are asked first, in phase rcpt-to; 0: none
  SessionFacts facts;
  std::string recipient;  // without brackets
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.session);
    c.num(m.query);
    c.num(m.listener);
    c.part(m.facts);
    c.text(m.recipient, kMaxAddress);
  }
};

// From smtpd and lmtpd: what do the filters of a listener say of a session? Not of phase rcpt-to. Answered with
// PhaseVerdict.
struct CheckPhase {
  static constexpr uint16_t kType = 319;
  uint64_t session = 0;
  uint32_t query = 0;  // echoed in the answer
  uint32_t listener = 0;
  uint16_t phase = 0;  // conf::Phase
  SessionFacts facts;
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.session);
    c.num(m.query);
    c.num(m.listener);
    c.num(m.phase);
    c.part(m.facts);
  }
};

// From the queue, before it commits a message: where does each recipient go? Answered with queue's Routed.
struct Route {
  static constexpr uint16_t kType = 311;
  uint64_t query = 0;
  SessionFacts facts;
  bool check_sender =
      false;  // facts.sender must be one of facts.account's or facts.user's addresses, else every recipient fails
  // Not empty: recipients are of the .forward that counts for mail of this action, and go where members of an alias
  // would. No other action's mail has one, whatever the account's process says.
  std::string forward_action;
  std::vector<std::string> recipients;
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.query);
    c.part(m.facts);
    c.flag(m.check_sender);
    c.text(m.forward_action, kMaxTag);
    c.texts(m.recipients, kMaxRecipients, kMaxAddress);
  }
};

constexpr size_t kMaxSenders = 100;  // addresses in the From and Sender fields of a submission

// From smtpd: may that account write these addresses as the sender? Answered with SenderVerdict. This is for the
// client's sake: what counts is the queue's Route.
struct CheckSender {
  static constexpr uint16_t kType = 313;
  uint64_t session = 0;
  uint32_t query = 0;  // echoed in the answer
  std::string account;
  std::string user;         // of a local submission
  bool any_sender = false;  // they are not compared, only rewritten
  std::vector<std::string> addresses;
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.session);
    c.num(m.query);
    c.text(m.account, kMaxAccount);
    c.text(m.user, kMaxAccount);
    c.flag(m.any_sender);
    c.texts(m.addresses, kMaxSenders, kMaxAddress);
  }
};

// Answer to CheckSender, received by smtpd.
struct SenderVerdict {
  static constexpr uint16_t kType = 323;
  uint64_t session = 0;
  uint32_t query = 0;
  uint16_t code = 0;  // 250, 550 or 451
  std::string enhanced;
  std::string text;
  std::vector<std::string> addresses;  // as they are to be written, in the order asked; empty: as they are
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.session);
    c.num(m.query);
    c.num(m.code);
    c.text(m.enhanced, 16);
    c.text(m.text, kMaxReplyText);
    c.texts(m.addresses, kMaxSenders, kMaxAddress);
  }
};

// What the filters of a phase came to.
struct Filtered {
  std::string name;   // of the filter that decided, or that marked last; empty: none fitted
  uint16_t code = 0;  // not 0: the SMTP reply that refuses
  bool disconnects = false;
  bool is_junk = false;
  std::string enhanced;
  std::string text;
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.text(m.name, kMaxTag);
    c.num(m.code);
    c.flag(m.disconnects);
    c.flag(m.is_junk);
    c.text(m.enhanced, 16);
    c.text(m.text, kMaxReplyText);
  }
};

// Answer to CheckPhase, received by smtpd and lmtpd.
struct PhaseVerdict {
  static constexpr uint16_t kType = 329;
  uint64_t session = 0;
  uint32_t query = 0;
  Filtered filtered;
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.session);
    c.num(m.query);
    c.part(m.filtered);
  }
};

// Answer to CheckRcpt, received by smtpd and lmtpd.
struct RcptVerdict {
  static constexpr uint16_t kType = 320;
  uint64_t session = 0;
  uint32_t query = 0;
  uint16_t code = 0;     // 250, or the SMTP reply: 550, 451 ...
  std::string enhanced;  // "5.1.1"
  std::string text;
  Filtered filtered;  // where it refuses, the three above are its too
  std::string rule;   // that said so; empty: none did
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.session);
    c.num(m.query);
    c.num(m.code);
    c.text(m.enhanced, 16);
    c.text(m.text, kMaxReplyText);
    c.part(m.filtered);
    c.text(m.rule, kMaxRule);
  }
};

}  // namespace mailkeep::lookup
