// What became of messages, and how destinations do: told to an operator by way of control.
// SPDX-License-Identifier: ISC
#pragma once

#include "lib/base/limits.h"
#include "lib/imsg/codec.h"
#include "queue/messages_operator.h"

namespace mailkeep::queue {

// What happened to an envelope: an attempt and how it went, an operator's word, its end.
enum class How : uint8_t {
  kDeferred,
  kStored,
  kRelayed,
  kFailed,
  kDropped,
  kDiscarded,  // attempts and ends
  kHeld,
  kReleased,
  kRerouted,
  kRetried,
  kQuarantined,  // done to it meanwhile
};

constexpr std::string_view name_of(How how) {
  constexpr std::string_view kNames[] = {"deferred", "stored",   "relayed",  "failed",  "dropped",    "discarded",
                                         "held",     "released", "rerouted", "retried", "quarantined"};
  return kNames[static_cast<size_t>(how)];
}

struct Attempt {
  int64_t at = 0;  // unix seconds
  How how = How::kDeferred;
  uint32_t uid = kNoUid;  // of the `user` process that did it, as it says; kNoUid: another
  std::string host;       // that answered; empty: none did
  std::string tls;        // with it, as relay tells it; empty: none
  std::string text;       // what was said
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.i64(m.at);
    c.choice(m.how, How::kQuarantined);
    c.num(m.uid);
    c.text(m.host, 400);
    c.text(m.tls, 200);
    c.text(m.text, kMaxReplyText);
  }
};

constexpr size_t kMaxTries = 100;           // of one envelope that are kept: the first ones, and the last
constexpr size_t kMaxTryBytes = 24 * 1024;  // of them

// One envelope's whole life, finished or not.
struct Life {
  uint64_t number = 0;  // of finished ones, in the order of their ends
  EnvelopeId id;
  bool relay = false;
  std::string sender, recipient;
  std::string original;  // as given in RCPT
  std::string account;   // whose mailbox
  std::string owner;     // who submitted it
  std::string action;
  std::string rule;  // that said so, "mailkeep.conf:12"; empty: none did
  std::string source, helo;
  std::string tls;  // of its client, "TLSv1.3 TLS_AES_256_GCM_SHA384"; empty: none
  uint64_t session = 0;
  Protocol protocol = Protocol::kInternal;
  std::string message_id;
  uint64_t size = 0;
  int64_t arrived = 0;
  int64_t ended = 0;      // 0: it waits
  uint64_t report = 0;    // the message that told its sender; 0: none
  uint32_t attempts = 0;  // that failed
  std::string state;      // of those that wait, as it is listed
  std::string trouble;    // why they do
  int64_t next_try = 0;
  std::vector<Attempt> tries;  // of finished ones the last is how they ended
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.number);
    c.part(m.id);
    c.flag(m.relay);
    c.text(m.sender, kMaxAddress);
    c.text(m.recipient, kMaxAddress);
    c.text(m.original, kMaxAddress);
    c.text(m.account, kMaxAccount);
    c.text(m.owner, kMaxAccount);
    c.text(m.action, kMaxTag);
    c.text(m.rule, kMaxRule);
    c.text(m.source, 64);
    c.text(m.helo, kMaxHostname);
    c.text(m.tls, kMaxTlsText);
    c.num(m.session);
    c.choice(m.protocol, Protocol::kInternal);
    c.text(m.message_id, 250);
    c.num(m.size);
    c.i64(m.arrived);
    c.i64(m.ended);
    c.num(m.report);
    c.num(m.attempts);
    c.text(m.state, 16);
    c.text(m.trouble, kMaxReplyText);
    c.i64(m.next_try);
    c.list(m.tries, kMaxTries);
  }
};

// Which past is asked for: what waits and has one, what is finished, or what never was taken.
enum class Past : uint8_t { kWaiting, kFinished, kRefused };

// From control: some lives, from `after` on; asked again until there is no next.
struct FindLives {
  static constexpr uint16_t kType = 474;
  uint32_t query = 0;
  Past past = Past::kFinished;
  Selection selection;  // all set conditions; a subject is not kept
  std::string any;      // a Message-ID, or an address of the sender or a recipient; empty: not asked
  std::string after;
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.query);
    c.choice(m.past, Past::kRefused);
    c.part(m.selection);
    c.text(m.any, kMaxAddress);
    c.text(m.after, 64);
  }
};

// To control.
struct Lives {
  static constexpr uint16_t kType = 475;
  uint32_t query = 0;
  std::vector<Life> lives;
  std::vector<Refusal> refusals;
  std::string next;
  std::string error;
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.query);
    c.list(m.lives, 1000);
    c.list(m.refusals, 1000);
    c.text(m.next, 64);
    c.text(m.error, 300);
  }
};

// From control: where mail waits for, in parts.
struct ListDestinations {
  static constexpr uint16_t kType = 476;
  uint32_t query = 0;
  std::string after;
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.query);
    c.text(m.after, 1000);
  }
};

// One destination, or a part of what waits for it: parts are added up.
struct DestinationStat {
  std::string name;  // a domain, a local account, or "action NAME"
  bool relay = false;
  uint64_t waiting = 0;
  uint64_t held = 0;
  int64_t oldest = 0;                               // when the oldest of them came
  uint64_t accepted = 0, deferred = 0, failed = 0;  // envelopes, since the queue's process started
  int64_t paused_until = 0;                         // it does not answer, and is tried then
  std::string last_reply;
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.text(m.name, kMaxAddress);
    c.flag(m.relay);
    c.num(m.waiting);
    c.num(m.held);
    c.i64(m.oldest);
    c.num(m.accepted);
    c.num(m.deferred);
    c.num(m.failed);
    c.i64(m.paused_until);
    c.text(m.last_reply, kMaxReplyText);
  }
};

// To control.
struct Destinations {
  static constexpr uint16_t kType = 477;
  uint32_t query = 0;
  std::vector<DestinationStat> destinations;
  std::string next;
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.query);
    c.list(m.destinations, 1000);
    c.text(m.next, 1000);
  }
};

}  // namespace mailkeep::queue
