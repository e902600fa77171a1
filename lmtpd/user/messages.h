// What a `user` process receives: deliveries from the queue, connections from the parent.
// SPDX-License-Identifier: ISC
#pragma once

#include "lib/base/limits.h"
#include "lib/imsg/codec.h"
#include "lib/worker/messages.h"
#include "queue/messages.h"

namespace mailkeep::user {

// To the template, from the parent: be forked, for this account. Answered by Forked.
struct Start {
  static constexpr uint16_t kType = 490;
  worker::Boot boot;
  Fd channel;
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.part(m.boot);
    c.fd(m.channel);
  }
};

// From the template: the process that is there now, a child of the parent.
struct Forked {
  static constexpr uint16_t kType = 491;
  uint32_t pid = 0;
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.pid);
  }
};

// From the parent, before Prepare.
struct Config {
  static constexpr uint16_t kType = 500;
  uint32_t generation = 0;
  uint64_t message_size = 0;
  uint64_t idle = 0;       // seconds without work until it offers to end
  uint64_t imap_idle = 0;  // seconds
  std::string hostname;
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.generation);
    c.num(m.message_size);
    c.num(m.idle);
    c.num(m.imap_idle);
    c.text(m.hostname, kMaxHostname);
  }
};

// From the queue; answered by queue's Stored and later Durable, or by Rejected.
struct Deliver {
  static constexpr uint16_t kType = 510;
  queue::EnvelopeId envelope;
  std::string sender;     // for Return-Path; empty: <>
  std::string recipient;  // for Delivered-To
  std::string detail;
  std::string original;          // as RCPT gave it
  std::string action;            // one of Boot's places; empty: the mailbox
  std::vector<std::string> via;  // whose .forward it has passed: "account address"
  uint64_t size = 0;
  bool junk = false;  // into the mailbox for junk, if there is one
  Fd content;         // the message; read it with pread from 0 to size
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.part(m.envelope);
    c.text(m.sender, kMaxAddress);
    c.text(m.recipient, kMaxAddress);
    c.text(m.detail, kMaxLocalPart);
    c.text(m.original, kMaxAddress);
    c.text(m.action, kMaxTag);
    c.texts(m.via, queue::kMaxForwards, kMaxAccount + 1 + kMaxAddress);
    c.num(m.size);
    c.flag(m.junk);
    c.fd(m.content);
  }
};

enum class Service : uint8_t { kImap, kSieve };

// From the parent: a client that has logged in.
struct Attach {
  static constexpr uint16_t kType = 520;
  uint64_t session = 0;
  Service service = Service::kImap;
  bool tls = false;
  std::string source;
  std::string tag;      // of the LOGIN or AUTHENTICATE command: still to be answered OK
  std::string pending;  // bytes the client has sent after that command
  Fd connection;
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.session);
    c.choice(m.service, Service::kSieve);
    c.flag(m.tls);
    c.text(m.source, 64);
    c.text(m.tag, 256);
    c.text(m.pending, 128 * 1024);
    c.fd(m.connection);
  }
};

// From the parent.
struct MayEnd {
  static constexpr uint16_t kType = 530;
  uint64_t received = 0;  // the count that Idle named: nothing was sent since; end now
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.received);
  }
};

// TO THE PARENT: nothing to do for a while.
struct Idle {
  static constexpr uint16_t kType = 540;
  uint64_t received = 0;  // messages this process has had from the parent
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.received);
  }
};

// TO THE PARENT: how many client sessions are open, for status.
struct Sessions {
  static constexpr uint16_t kType = 541;
  uint32_t count = 0;
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.count);
  }
};

}  // namespace mailkeep::user
