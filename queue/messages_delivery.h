// Where a message goes and how it went: with lookup (Routed), the parent (UserFailed, NeedUser) and `user` (Stored,
// Rejected, Durable).
// SPDX-License-Identifier: ISC
#pragma once

#include "lib/base/limits.h"
#include "lib/imsg/codec.h"
#include "queue/messages_intake.h"

namespace mailkeep::queue {

// Where one copy goes.
struct Delivery {
  uint32_t recipient = 0;  // index into Route's recipients
  bool relay = false;      // to another host; else local
  std::string account;     // local, or the name that an LMTP server is told
  std::string detail;      // subaddress; may be empty
  std::string address;     // Delivered-To, or the relay's target
  // Relay: the action of the rule, which says by which way; local: that of a Maildir or an mbox file, or with .forward;
  // empty: the mailbox.
  std::string action;
  std::string sender;              // of this copy, instead of the message's; empty: the message's
  bool reports_to_sender = false;  // `sender` also gets the reports; else they go to the message's
  uint32_t ttl = 0;                // seconds that it is tried; 0: the configuration's lifetime
  std::string rule;                // that said so, "mailkeep.conf:12"
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.recipient);
    c.flag(m.relay);
    c.text(m.account, kMaxAccount);
    c.text(m.detail, kMaxLocalPart);
    c.text(m.address, kMaxAddress);
    c.text(m.action, kMaxTag);
    c.text(m.sender, kMaxAddress);
    c.flag(m.reports_to_sender);
    c.num(m.ttl);
    c.text(m.rule, kMaxRule);
  }
};

// A recipient that goes nowhere.
struct RouteFailure {
  uint32_t recipient = 0;
  bool temporary = false;
  std::string enhanced;
  std::string text;
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.recipient);
    c.flag(m.temporary);
    c.text(m.enhanced, 16);
    c.text(m.text, kMaxReplyText);
  }
};

// A recipient whose mail is accepted and thrown away.
struct Discarded {
  uint32_t recipient = 0;
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.recipient);
  }
};

// From lookup.
struct Routed {
  static constexpr uint16_t kType = 430;
  uint64_t query = 0;
  std::vector<Delivery> deliveries;
  std::vector<RouteFailure> failures;
  std::vector<Discarded> discarded;
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.query);
    c.list(m.deliveries, 10000);
    c.list(m.failures, kMaxRecipients);
    c.list(m.discarded, kMaxRecipients);
  }
};

// From the parent: no `user` process can be had for that account.
struct UserFailed {
  static constexpr uint16_t kType = 440;
  std::string account;
  bool permanent = false;  // no such account
  std::string text;
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.text(m.account, kMaxAccount);
    c.flag(m.permanent);
    c.text(m.text, 1000);
  }
};

constexpr uint32_t kNoUid = UINT32_MAX;

// From user: the message is in the mailbox.
struct Stored {
  static constexpr uint16_t kType = 450;
  EnvelopeId envelope;
  uint64_t sequence = 0;   // the journal's; durable when Durable reaches it
  bool duplicate = false;  // it was there already
  uint32_t uid = kNoUid;   // the process' own
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.part(m.envelope);
    c.num(m.sequence);
    c.flag(m.duplicate);
    c.num(m.uid);
  }
};

constexpr size_t kMaxForwards = 10;           // of one message, one account's .forward after another
constexpr size_t kMaxForwardAddresses = 100;  // of one

// From user: the account's .forward sends the message to these addresses instead, or `keep`: besides.
struct Forwarded {
  static constexpr uint16_t kType = 453;
  EnvelopeId envelope;
  std::vector<std::string> addresses;
  bool keep = false;
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.part(m.envelope);
    c.texts(m.addresses, kMaxForwardAddresses, kMaxAddress);
    c.flag(m.keep);
  }
};

// From user: it could not be stored.
struct Rejected {
  static constexpr uint16_t kType = 451;
  EnvelopeId envelope;
  bool temporary = false;
  std::string enhanced;
  std::string text;
  uint32_t uid = kNoUid;  // the process' own
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.part(m.envelope);
    c.flag(m.temporary);
    c.text(m.enhanced, 16);
    c.text(m.text, kMaxReplyText);
    c.num(m.uid);
  }
};

// From user: everything up to this journal sequence number survives a power cut.
struct Durable {
  static constexpr uint16_t kType = 452;
  uint64_t sequence = 0;
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.sequence);
  }
};

// From the queue TO THE PARENT: wire me to that account's user process.
struct NeedUser {
  static constexpr uint16_t kType = 460;
  std::string account;
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.text(m.account, kMaxAccount);
  }
};

}  // namespace mailkeep::queue
