// What mailkeepctl asks the control process over its socket, and what that answers: frames of lib/imsg, one request
// answered by one answer (Follow: by Events until the client leaves). Neither side trusts the other: the codec bounds
// all, and control asks SO_PEERCRED at every request.
// SPDX-License-Identifier: ISC
#pragma once

#include "lib/worker/messages.h"
#include "queue/messages.h"
#include "smtpd/control/messages.h"
#include "smtpd/lookup/messages.h"
#include "smtpd/relay/messages.h"

namespace mailkeep::control::client {

struct AskStatus {
  static constexpr uint16_t kType = 1100;
  template <class C, class M>
  static void fields(C&, M&) {}
};

struct AskReload {
  static constexpr uint16_t kType = 1101;
  bool tables_only = false;
  std::string table;  // empty: all
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.flag(m.tables_only);
    c.text(m.table, kMaxTag);
  }
};

// Answered by lookup::TableShown.
struct AskTable {
  static constexpr uint16_t kType = 1109;
  lookup::ShowTable ask;
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.part(m.ask);
  }
};

// Asked again with the answer's `next` until that is empty. Answered by queue::QueueSelected.
struct AskQueueSelect {
  static constexpr uint16_t kType = 1102;
  queue::SelectQueue ask;  // its query is control's business
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.part(m.ask);
  }
};

// Asked again with the answer's `next` until that is empty. Answered by queue::Lives.
struct AskLives {
  static constexpr uint16_t kType = 1110;
  queue::FindLives ask;
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.part(m.ask);
  }
};

// The same, answered by queue::Destinations.
struct AskDestinations {
  static constexpr uint16_t kType = 1111;
  queue::ListDestinations ask;
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.part(m.ask);
  }
};

struct AskQueueShow {
  static constexpr uint16_t kType = 1103;
  uint64_t message = 0;
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.message);
  }
};

struct AskFollow {
  static constexpr uint16_t kType = 1105;
  template <class C, class M>
  static void fields(C&, M&) {}
};

// Answered by lookup::Hops.
struct AskHops {
  static constexpr uint16_t kType = 1106;
  std::string name;
  bool is_host = false;
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.text(m.name, kMaxDomain);
    c.flag(m.is_host);
  }
};

// Answered by relay::TlsPolicyShown.
struct AskTlsPolicy {
  static constexpr uint16_t kType = 1107;
  std::string domain;
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.text(m.domain, kMaxDomain);
  }
};

// Answered by relay::DeliveryShown.
struct AskDelivery {
  static constexpr uint16_t kType = 1108;
  template <class C, class M>
  static void fields(C&, M&) {}
};

// The counters of one process.
struct Counters {
  std::string role;
  uint32_t instance = 0;
  std::vector<worker::Stat> values;
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.text(m.role, 16);
    c.num(m.instance);
    c.list(m.values, 64);
  }
};

struct Status {
  static constexpr uint16_t kType = 1120;
  StatusReport report;
  std::vector<Counters> counters;
  bool queue_known = false;   // false: the queue did not answer in time
  uint64_t queue_length = 0;  // envelopes
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.part(m.report);
    c.list(m.counters, 200);
    c.flag(m.queue_known);
    c.num(m.queue_length);
  }
};

// The request was not carried out.
struct Refused {
  static constexpr uint16_t kType = 1121;
  std::string text;
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.text(m.text, 300);
  }
};

// One line of the log.
struct Event {
  static constexpr uint16_t kType = 1122;
  std::string text;
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.text(m.text, worker::kMaxLogLine);
  }
};

// The log goes on, but this client was too slow for `lines` of it.
struct Missed {
  static constexpr uint16_t kType = 1123;
  uint64_t lines = 0;
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.lines);
  }
};

// Answers that pass through as they come: Reloaded, queue::QueueSelected, queue::MessageShown, lookup::Hops,
// relay::TlsPolicyShown, relay::DeliveryShown, queue::Lives, queue::Destinations.

}  // namespace mailkeep::control::client
