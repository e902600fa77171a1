// What an operator asks of the queue, and its answers: selections and what messages hold. All by way of control.
// SPDX-License-Identifier: ISC
#pragma once

#include "lib/base/limits.h"
#include "lib/imsg/codec.h"
#include "queue/messages_delivery.h"

namespace mailkeep::queue {

// Which envelopes a command is about: those of which all that is set here is true. Addresses are compared without
// regard to case; "@domain" means all of that domain, and a sender "<>" the null path.
struct Selection {
  bool all = false;              // said in so many words: a command without any condition is refused
  uint64_t message = 0;          // 0: not asked
  uint32_t number = UINT32_MAX;  // with a message; UINT32_MAX: all its envelopes
  std::string sender;
  std::string recipient;
  std::string domain;    // of the recipient
  std::string account;   // that submitted it, or whose mailbox it is for
  std::string subject;   // part of it, in any case
  std::string state;     // as it is shown
  int64_t before = 0;    // arrived before; 0: not asked
  int64_t since = 0;     // arrived then or later
  uint64_t larger = 0;   // bytes, more than
  uint64_t smaller = 0;  // bytes, less than; 0: not asked
  bool operator==(const Selection&) const = default;
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.flag(m.all);
    c.num(m.message);
    c.num(m.number);
    c.text(m.sender, kMaxAddress);
    c.text(m.recipient, kMaxAddress);
    c.text(m.domain, kMaxDomain);
    c.text(m.account, kMaxAccount);
    c.text(m.subject, 200);
    c.text(m.state, 16);
    c.i64(m.before);
    c.i64(m.since);
    c.num(m.larger);
    c.num(m.smaller);
  }
};

enum class QueueVerb : uint8_t { kList, kHold, kRelease, kRetry, kFail, kDrop, kReroute };

constexpr size_t kMaxQueueItems = 1000;  // of one answer

// From control: look at some of the queue, from `after` on, and do that to what is selected. It is asked again with the
// answer's `next` until that is empty: so the asker sets the pace, and mail goes on between two of them.
struct SelectQueue {
  static constexpr uint16_t kType = 470;
  uint32_t query = 0;
  QueueVerb verb = QueueVerb::kList;
  bool dry_run = false;  // only say what would be done
  Selection selection;
  std::string action;  // kReroute: the relay action
  std::string after;   // the last answer's next; empty: from the start
  uint32_t limit = 0;  // items at most; 0: as many as fit
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.query);
    c.choice(m.verb, QueueVerb::kReroute);
    c.flag(m.dry_run);
    c.part(m.selection);
    c.text(m.action, kMaxTag);
    c.text(m.after, 64);
    c.num(m.limit);
  }
};

struct QueueItem {
  EnvelopeId envelope;
  int64_t arrived = 0;   // unix seconds
  int64_t next_try = 0;  // unix seconds
  uint32_t attempts = 0;
  uint64_t size = 0;
  std::string sender;
  std::string recipient;
  std::string account;
  bool relay = false;
  std::string state;  // waiting, delivering, stored, failing, held, quarantined; future: its sender wants it to wait
  std::string last_error;
  std::string owner;   // the account that submitted it
  std::string action;  // relay: by which way
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.part(m.envelope);
    c.i64(m.arrived);
    c.i64(m.next_try);
    c.num(m.attempts);
    c.num(m.size);
    c.text(m.sender, kMaxAddress);
    c.text(m.recipient, kMaxAddress);
    c.text(m.account, kMaxAccount);
    c.flag(m.relay);
    c.text(m.state, 16);
    c.text(m.last_error, kMaxReplyText);
    c.text(m.owner, kMaxAccount);
    c.text(m.action, kMaxTag);
  }
};

// To control. What was changed is on disk.
struct QueueSelected {
  static constexpr uint16_t kType = 471;
  uint32_t query = 0;
  std::vector<QueueItem> items;  // of kList and of dry runs
  std::string next;              // empty: the end
  uint64_t total = 0;            // envelopes in the queue
  uint64_t matched = 0;          // selected, in this part
  uint64_t changed = 0;          // of them done, or to be done in a dry run
  uint64_t busy = 0;             // of them in a process' hands now: left alone
  std::string error;             // nothing more is done
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.query);
    c.list(m.items, kMaxQueueItems);
    c.text(m.next, 64);
    c.num(m.total);
    c.num(m.matched);
    c.num(m.changed);
    c.num(m.busy);
    c.text(m.error, 300);
  }
};

// From control.
struct ShowMessage {
  static constexpr uint16_t kType = 472;
  uint32_t query = 0;
  uint64_t message = 0;
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.query);
    c.num(m.message);
  }
};

// To control.
struct MessageShown {
  static constexpr uint16_t kType = 473;
  uint32_t query = 0;
  bool found = false;
  std::vector<QueueItem> items;
  Fd content;  // read-only copy of the message
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.query);
    c.flag(m.found);
    c.list(m.items, 1000);
    c.fd(m.content);
  }
};

}  // namespace mailkeep::queue
