// What the relay process receives from the parent (Config, Action) and the queue (Transfer), and what it answers to the queue
// (Transferred). Answers to its own questions: lookup::Hops, tls::Established, tls::Failed.
// SPDX-License-Identifier: ISC
#pragma once

#include "lib/base/limits.h"
#include "lib/imsg/codec.h"
#include "queue/messages.h"

namespace mailkeep::relay {

constexpr size_t kMaxSmartHosts = 16;
constexpr size_t kMaxTransferRecipients = 100;  // of one transaction; RFC 5321 4.5.3.1.8 lets a server take no more

struct Config {
  static constexpr uint16_t kType = 1200;
  uint32_t generation = 0;
  std::string hostname;
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.generation);
    c.text(m.hostname, kMaxHostname);
  }
};

// What a `relay` action asks for at least; the policy of a domain may ask for more.
enum class Tls : uint8_t { kNone, kMay, kEncrypt, kVerify };

// A host that an action names instead of the domain's MX.
struct SmartHost {
  std::string host;  // a name or a numeric address
  uint16_t port = 25;
  bool implicit_tls = false;  // smtps
  bool require_tls = false;   // at least kEncrypt, whatever the action says
  std::string user;           // empty: no AUTH
  std::string password;
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.text(m.host, kMaxDomain);
    c.num(m.port);
    c.flag(m.implicit_tls);
    c.flag(m.require_tls);
    c.text(m.user, kMaxAddress);
    c.text(m.password, kMaxPassword);
  }
};

// From the parent, one for each `relay` action of a generation.
struct Action {
  static constexpr uint16_t kType = 1201;
  uint32_t generation = 0;
  std::string name;
  std::vector<SmartHost> hosts;  // empty: by MX. Else in the order to try
  Tls tls = Tls::kMay;
  std::string helo;              // empty: the hostname
  std::vector<std::string> sources;  // numeric addresses to send from, at most one a family is used; empty: the system's choice
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.generation);
    c.text(m.name, kMaxTag);
    c.list(m.hosts, kMaxSmartHosts);
    c.choice(m.tls, Tls::kVerify);
    c.text(m.helo, kMaxHostname);
    c.texts(m.sources, 16, 64);
  }
};

// One recipient of a transfer, by its envelope's number.
struct Rcpt {
  uint32_t number = 0;
  queue::Recipient recipient;
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.number);
    c.part(m.recipient);
  }
};

// From the queue: send this message to these recipients, all of one domain (or one smart host). One Transferred answers.
struct Transfer {
  static constexpr uint16_t kType = 1210;
  uint64_t transfer = 0;  // echoed
  uint64_t message = 0;
  std::string action;
  std::string domain;  // the destination, lower case, A-labels
  std::string sender;  // empty: <>
  queue::MailOptions options;
  std::vector<Rcpt> recipients;
  uint64_t size = 0;
  Fd content;  // read with pread from 0 to size
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.transfer);
    c.num(m.message);
    c.text(m.action, kMaxTag);
    c.text(m.domain, kMaxDomain);
    c.text(m.sender, kMaxAddress);
    c.part(m.options);
    c.list(m.recipients, kMaxTransferRecipients);
    c.num(m.size);
    c.fd(m.content);
  }
};

enum class Outcome : uint8_t {
  kDelivered,  // the next hop said 250 for it
  kTemporary,  // try again
  kPermanent,  // give up
};

struct Result {
  uint32_t number = 0;
  Outcome outcome = Outcome::kDelivered;
  uint16_t code = 0;     // the remote's reply; 0: it was not asked
  std::string enhanced;  // the remote's, or ours where it gave none
  std::string text;      // its words, or ours
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.number);
    c.choice(m.outcome, Outcome::kPermanent);
    c.num(m.code);
    c.text(m.enhanced, 16);
    c.text(m.text, kMaxReplyText);
  }
};

// To the queue.
struct Transferred {
  static constexpr uint16_t kType = 1220;
  uint64_t transfer = 0;
  std::vector<Result> results;  // one a recipient of the Transfer
  bool host_failed = false;     // no host of the destination could be talked to: the whole destination waits
  std::string host;             // that answered: "mx.example.net [192.0.2.1]:25"
  std::string tls;              // "TLSv1.3 TLS_AES_256_GCM_SHA384, verified"; empty: none
  bool dsn = false;             // it offers DSN (RFC 3461), and tells the sender itself what becomes of the message
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.transfer);
    c.list(m.results, kMaxTransferRecipients);
    c.flag(m.host_failed);
    c.text(m.host, 400);
    c.text(m.tls, 200);
    c.flag(m.dsn);
  }
};

}  // namespace mailkeep::relay
