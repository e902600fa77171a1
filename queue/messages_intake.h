// How a message comes to the queue: from smtpd and lmtpd (Enqueue, NeedSpoolFile), vouched for by auth (Vouch); what
// was refused.
// SPDX-License-Identifier: ISC
#pragma once

#include <compare>

#include "lib/base/limits.h"
#include "lib/imsg/codec.h"
#include "smtpd/lookup/messages_check.h"

namespace mailkeep::queue {

constexpr size_t kMaxRule = lookup::kMaxRule;
constexpr size_t kMaxTlsText = lookup::kMaxTlsText;

// Names one delivery of one message, for ever: what makes a delivery exactly once.
struct EnvelopeId {
  uint64_t message = 0;
  uint32_t number = 0;
  auto operator<=>(const EnvelopeId&) const = default;
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.message);
    c.num(m.number);
  }
};

enum class Protocol : uint8_t { kSmtp, kEsmtp, kEsmtps, kEsmtpsa, kLmtp, kInternal };

constexpr size_t kMaxEnvid = 100;  // RFC 3461 4.4, in xtext
constexpr size_t kMaxOrcpt = 500;  // RFC 3461 4.2, with its type, in xtext

enum class Body : uint8_t { k7bit, k8bit, kBinary };          // RFC 6152, RFC 3030
enum class Ret : uint8_t { kUnset, kFull, kHeaders };         // RFC 3461 4.3
enum class DeliverBy : uint8_t { kUnset, kReturn, kNotify };  // RFC 2852 by-mode

// What the parameters of MAIL asked for; goes with the message to the next hop.
struct MailOptions {
  Body body = Body::k7bit;
  bool smtputf8 = false;     // RFC 6531
  bool require_tls = false;  // RFC 8689
  Ret ret = Ret::kUnset;
  std::string envid;       // RFC 3461 4.4, xtext as given; empty: none
  int64_t hold_until = 0;  // RFC 4865, unix seconds; 0: now
  DeliverBy by_mode = DeliverBy::kUnset;
  bool by_trace = false;
  int64_t deliver_by = 0;  // unix seconds
  int64_t priority = 0;    // RFC 6710: -9 to 9
  bool junk = false;       // marked by a filter: delivered to the mailbox for junk
  bool operator==(const MailOptions&) const = default;
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.choice(m.body, Body::kBinary);
    c.flag(m.smtputf8);
    c.flag(m.require_tls);
    c.choice(m.ret, Ret::kHeaders);
    c.text(m.envid, kMaxEnvid);
    c.i64(m.hold_until);
    c.choice(m.by_mode, DeliverBy::kNotify);
    c.flag(m.by_trace);
    c.i64(m.deliver_by);
    c.i64(m.priority);
    c.flag(m.junk);
  }
};

// NOTIFY of RCPT (RFC 3461 4.1); 0: not said, which means failure and delay.
constexpr uint8_t kNotifyNever = 1, kNotifySuccess = 2, kNotifyFailure = 4, kNotifyDelay = 8;

// What the parameters of RCPT asked for.
struct RcptOptions {
  uint8_t notify = 0;
  std::string orcpt;  // RFC 3461 4.2, "rfc822;xtext" as given; empty: none
  bool operator==(const RcptOptions&) const = default;
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.notify);
    c.text(m.orcpt, kMaxOrcpt);
  }
};

struct Recipient {
  std::string address;  // without brackets
  RcptOptions options;
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.text(m.address, kMaxAddress);
    c.part(m.options);
  }
};

// From auth: whoever presents this ticket in an Enqueue submits as that account, from that smtpd instance, until
// the time is over.
struct Vouch {
  static constexpr uint16_t kType = 480;
  uint64_t ticket_high = 0;
  uint64_t ticket_low = 0;
  std::string account;      // empty: a local user without one
  std::string user;         // the system user, of a local submission
  bool any_sender = false;  // it may send as anybody
  uint32_t smtpd = 0;       // the instance that may present it
  int64_t until = 0;        // unix seconds
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.ticket_high);
    c.num(m.ticket_low);
    c.text(m.account, kMaxAccount);
    c.text(m.user, kMaxAccount);
    c.flag(m.any_sender);
    c.num(m.smtpd);
    c.i64(m.until);
  }
};

// A whole message with its Received field, CRLF lines, no dot-stuffing. Answered by Enqueued: a 250 may be said only
// then.
struct Enqueue {
  static constexpr uint16_t kType = 410;
  uint64_t session = 0;
  uint64_t message = 0;  // the id that the sender chose and put in Received: seconds << 32 | random; refused if taken
  lookup::SessionFacts facts;  // its account and user count for nothing: the ticket says who submits
  uint64_t ticket_high = 0;    // of auth's Vouch; 0 and 0: mail from the world
  uint64_t ticket_low = 0;
  Protocol protocol = Protocol::kSmtp;
  MailOptions options;
  std::vector<Recipient> recipients;  // each accepted by CheckRcpt
  uint64_t size = 0;                  // bytes of content
  Fd content;  // a sealed memory file, at most kSmallMessage; absent: the spool file of NeedSpoolFile
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.session);
    c.num(m.message);
    c.part(m.facts);
    c.num(m.ticket_high);
    c.num(m.ticket_low);
    c.choice(m.protocol, Protocol::kInternal);
    c.part(m.options);
    c.list(m.recipients, kMaxRecipients);
    c.num(m.size);
    c.fd(m.content);
  }
};

// Whose word it was.
enum class Judge : uint8_t { kSmtpd, kLmtpd, kLookup, kFilter, kQueue };
constexpr size_t kMaxRefused = 20;  // recipients of a message that are named when it is refused

// From smtpd and lmtpd: a sender, a recipient or a message was not taken. Remembered for `trace`, as room allows; no
// answer.
struct Refusal {
  static constexpr uint16_t kType = 413;
  uint64_t number = 0;  // the queue's, as is the time
  int64_t at = 0;
  Judge by = Judge::kSmtpd;
  uint64_t session = 0;
  uint64_t message = 0;  // the id that it would have had; 0: none yet
  std::string source, name, helo, tls;
  std::string account;  // logged in, as smtpd says
  std::string sender;
  std::vector<std::string> recipients;  // some of them
  std::string rule;                     // of lookup, that said so
  uint16_t code = 0;                    // 250: taken, and thrown away as a rule says
  std::string enhanced, text;
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.number);
    c.i64(m.at);
    c.choice(m.by, Judge::kQueue);
    c.num(m.session);
    c.num(m.message);
    c.text(m.source, 64);
    c.text(m.name, kMaxHostname);
    c.text(m.helo, kMaxHostname);
    c.text(m.tls, kMaxTlsText);
    c.text(m.account, kMaxAccount);
    c.text(m.sender, kMaxAddress);
    c.texts(m.recipients, kMaxRefused, kMaxAddress);
    c.text(m.rule, kMaxRule);
    c.num(m.code);
    c.text(m.enhanced, 16);
    c.text(m.text, kMaxReplyText);
  }
};

// The message grew over kSmallMessage: make a spool file and hand it over (SpoolFile).
struct NeedSpoolFile {
  static constexpr uint16_t kType = 411;
  uint64_t session = 0;
  uint64_t message = 0;
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.session);
    c.num(m.message);
  }
};

// The transaction ended without Enqueue.
struct DropSpoolFile {
  static constexpr uint16_t kType = 412;
  uint64_t message = 0;
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.message);
  }
};

// To smtpd or lmtpd.
struct Enqueued {
  static constexpr uint16_t kType = 420;
  uint64_t session = 0;
  uint64_t message = 0;
  uint16_t code = 0;  // 250, 451, 452, 552 ...
  std::string enhanced;
  std::string text;
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.session);
    c.num(m.message);
    c.num(m.code);
    c.text(m.enhanced, 16);
    c.text(m.text, kMaxReplyText);
  }
};

// To smtpd or lmtpd.
struct SpoolFile {
  static constexpr uint16_t kType = 421;
  uint64_t session = 0;
  uint64_t message = 0;
  bool full = false;  // no space: answer 452 4.3.1
  Fd file;            // read and write, empty; absent: it failed
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.session);
    c.num(m.message);
    c.flag(m.full);
    c.fd(m.file);
  }
};

}  // namespace mailkeep::queue
