// What the parent tells the queue: its slice of the configuration.
// SPDX-License-Identifier: ISC
#pragma once

#include "lib/base/limits.h"
#include "lib/imsg/codec.h"

namespace mailkeep::queue {

constexpr size_t kMaxRelayActions = 200;

// A relay action, as far as the queue must know it.
struct RelayAction {
  std::string name;
  bool one_way = false;  // by named hosts: all its mail is of one destination, whatever the domain
  bool lmtp = false;     // to mailboxes: never the way of mail that names no action
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.text(m.name, kMaxTag);
    c.flag(m.one_way);
    c.flag(m.lmtp);
  }
};

// Who gets the report of a failure, when the sender's client was neither local nor logged in.
enum class Strangers : uint8_t { kNone, kPostmaster, kSender };

struct Config {
  static constexpr uint16_t kType = 400;
  uint32_t generation = 0;
  std::string hostname;
  uint64_t message_size = 0;
  uint64_t lifetime = 0;     // seconds
  uint64_t first_retry = 0;  // seconds
  uint64_t max_retry = 0;    // seconds
  uint64_t warn_after = 0;   // seconds; 0 never
  uint64_t probe = 0;  // seconds between attempts to reach a host that does not answer, at most; 0: as other attempts
  Strangers strangers = Strangers::kPostmaster;
  uint64_t bounce_size = 0;  // bytes of the original in a bounce; 0 headers only
  std::string postmaster;
  uint64_t history = 0;  // seconds that finished envelopes are remembered; 0 not at all
  uint64_t history_entries = 0;
  std::vector<RelayAction> relays;  // the first also serves mail without an action: reports, members of aliases
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.generation);
    c.list(m.relays, kMaxRelayActions);
    c.text(m.hostname, kMaxHostname);
    c.num(m.message_size);
    c.num(m.lifetime);
    c.num(m.first_retry);
    c.num(m.max_retry);
    c.num(m.warn_after);
    c.num(m.probe);
    c.choice(m.strangers, Strangers::kSender);
    c.num(m.bounce_size);
    c.text(m.postmaster, kMaxAddress);
    c.num(m.history);
    c.num(m.history_entries);
  }
};

}  // namespace mailkeep::queue
