// What the relay process receives from the parent (Config, Action, TlsRule, SocketOpened), the queue (Transfer) and
// control (ShowTlsPolicy), and what it answers (Transferred, TlsPolicyShown). Answers to its own questions:
// lookup::Hops, tls::Established, tls::Failed.
// SPDX-License-Identifier: ISC
#pragma once

#include "lib/base/limits.h"
#include "lib/imsg/codec.h"
#include "queue/messages.h"
#include "smtpd/lookup/messages.h"

namespace mailkeep::relay {

constexpr size_t kMaxSmartHosts = 16;
constexpr size_t kMaxTransferRecipients = 100;  // of one transaction; RFC 5321 4.5.3.1.8 lets a server take no more

// What becomes of a domain that has always spoken verified TLS.
enum class Learn : uint8_t { kOff, kSuggest, kEnforce };

struct Config {
  static constexpr uint16_t kType = 1200;
  uint32_t generation = 0;
  std::string hostname;
  bool mta_sts = true;
  Learn learn = Learn::kSuggest;
  uint32_t report_interval = 86400;  // seconds between TLS reports; 0: none
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.generation);
    c.text(m.hostname, kMaxHostname);
    c.flag(m.mta_sts);
    c.choice(m.learn, Learn::kEnforce);
    c.num(m.report_interval);
  }
};

// What a `relay` action asks for at least; the policy of a domain may ask for more.
enum class Tls : uint8_t { kNone, kMay, kEncrypt, kVerify };

constexpr size_t kMaxProviders = 200;
constexpr size_t kMaxSuffixes = 32;

// From the parent, one for each group of receivers, told by where their MX hosts are.
struct Provider {
  static constexpr uint16_t kType = 1203;
  uint32_t generation = 0;
  std::string name;
  std::vector<std::string> suffixes;  // of MX hosts' names: "google.com" is of aspmx.l.google.com
  uint32_t connections = 0;           // at once
  uint32_t delay = 0;                 // milliseconds between two messages
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.generation);
    c.text(m.name, kMaxTag);
    c.texts(m.suffixes, kMaxSuffixes, kMaxDomain);
    c.num(m.connections);
    c.num(m.delay);
  }
};

constexpr size_t kMaxTlsRules = 20000;
constexpr size_t kMaxFingerprints = 8;
constexpr size_t kMaxRuleNames = 8;

// From the parent, one for each entry of the administrator's list.
struct TlsRule {
  static constexpr uint16_t kType = 1202;
  uint32_t generation = 0;
  std::string pattern;  // a domain in lower case, or "*." and one
  Tls tls = Tls::kVerify;
  std::vector<std::string> names;         // kVerify: of which the certificate must have one; empty: the host's
  std::vector<std::string> fingerprints;  // SHA-256, binary; then the rest of it does not matter
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.generation);
    c.text(m.pattern, kMaxDomain + 2);
    c.choice(m.tls, Tls::kVerify);
    c.texts(m.names, kMaxRuleNames, kMaxHostname);
    c.texts(m.fingerprints, kMaxFingerprints, 32);
  }
};

// A host that an action names instead of the domain's MX.
struct SmartHost {
  std::string
      host;  // a name or a numeric address; of an LMTP server also the path of its socket, which the parent connects to
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
  std::string helo;  // empty: the hostname
  std::vector<std::string>
      sources;           // numeric addresses to send from, at most one a family is used; empty: the system's choice
  uint32_t warm_up = 0;  // recipients of one provider on the first day from these sources; 0: no such limit
  std::string own_name;  // what we are called as an MX of the domain; empty: the hostname
  bool lmtp = false;     // its host speaks LMTP (RFC 2033)
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.generation);
    c.text(m.name, kMaxTag);
    c.list(m.hosts, kMaxSmartHosts);
    c.choice(m.tls, Tls::kVerify);
    c.text(m.helo, kMaxHostname);
    c.texts(m.sources, 16, 64);
    c.num(m.warm_up);
    c.text(m.own_name, kMaxDomain);
    c.flag(m.lmtp);
  }
};

// From the parent: a connection to the socket of an LMTP server, or why there is none. Answers parent::OpenSocket.
struct SocketOpened {
  static constexpr uint16_t kType = 1204;
  uint64_t query = 0;
  std::string text;
  Fd connection;
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.query);
    c.text(m.text, kMaxReplyText);
    c.fd(m.connection);
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

// From the queue: send this message to these recipients, all of one domain (or one smart host). One Transferred
// answers.
struct Transfer {
  static constexpr uint16_t kType = 1210;
  uint64_t transfer = 0;  // echoed
  uint64_t message = 0;
  std::string action;
  std::string domain;  // the destination, lower case, A-labels
  std::string sender;  // empty: <>
  queue::MailOptions options;
  std::vector<Rcpt> recipients;
  std::vector<std::string>
      delivered_to;  // addresses of accounts that have forwarded it: each becomes a field before the content
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
    c.texts(m.delivered_to, queue::kMaxForwards, kMaxAddress);
    c.num(m.size);
    c.fd(m.content);
  }
};

enum class Outcome : uint8_t {
  kDelivered,  // the next hop said 250 for it
  kTemporary,  // try again
  kPermanent,  // give up
  kHeld,       // not tried: a limit of our own; try at Transferred's held_until
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
    c.choice(m.outcome, Outcome::kHeld);
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
  std::string tls;              // "TLSv1.3 TLS_AES_256_GCM_SHA384, verified (authority)"; empty: none
  bool dsn = false;             // it offers DSN (RFC 3461), and tells the sender itself what becomes of the message
  int64_t held_until = 0;       // for those with kHeld
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.transfer);
    c.list(m.results, kMaxTransferRecipients);
    c.flag(m.host_failed);
    c.text(m.host, 400);
    c.text(m.tls, 200);
    c.flag(m.dsn);
    c.i64(m.held_until);
  }
};

// From control: how much TLS does mail for this domain need, and why? Answered by TlsPolicyShown.
struct ShowTlsPolicy {
  static constexpr uint16_t kType = 1230;
  uint32_t query = 0;
  std::string domain;
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.query);
    c.text(m.domain, kMaxDomain);
  }
};

constexpr size_t kMaxPolicyText = 600;

// Received by control. Texts are for people.
struct HostPolicy {
  std::string name;
  std::string level;   // none, may, encrypt, verify, fingerprint; empty: the host is not used
  std::string source;  // tls-policy, DANE, MTA-STS, learned, action
  std::string reason;  // or why it is not used
  std::string dane;    // what its TLSA records say
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.text(m.name, kMaxDomain);
    c.text(m.level, 16);
    c.text(m.source, 16);
    c.text(m.reason, kMaxPolicyText);
    c.text(m.dane, kMaxPolicyText);
  }
};
struct TlsPolicyShown {
  static constexpr uint16_t kType = 1231;
  uint32_t query = 0;
  bool found = false;  // hosts are known; else `problem` says why not
  std::string problem;
  std::string list;  // what each source says
  std::string sts;
  std::string learned;
  std::string action;
  std::vector<HostPolicy> hosts;
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.query);
    c.flag(m.found);
    c.text(m.problem, kMaxPolicyText);
    c.text(m.list, kMaxPolicyText);
    c.text(m.sts, kMaxPolicyText);
    c.text(m.learned, kMaxPolicyText);
    c.text(m.action, kMaxPolicyText);
    c.list(m.hosts, lookup::kMaxHops);
  }
};

// From control: how does mail fare with each provider? Answered by DeliveryShown.
struct ShowDelivery {
  static constexpr uint16_t kType = 1232;
  uint32_t query = 0;
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.query);
  }
};

constexpr size_t kMaxCauses = 64;

struct Count {
  uint8_t cause = 0;
  uint64_t count = 0;
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.cause);
    c.num(m.count);
  }
};
// Recipients of some time.
struct Tally {
  uint64_t accepted = 0;
  uint64_t deferred = 0;
  uint64_t rejected = 0;
  std::vector<Count> causes;  // of the deferred and rejected ones, by smtp::Cause
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.accepted);
    c.num(m.deferred);
    c.num(m.rejected);
    c.list(m.causes, kMaxCauses);
  }
};

// Received by control.
struct ProviderScore {
  std::string name;
  Tally today;          // since midnight, UTC
  Tally before;         // of the seven days before
  uint64_t open = 0;    // connections
  uint64_t held = 0;    // recipients put off by a warm-up, today
  std::string warm_up;  // "25 of 50 today"; empty: none
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.text(m.name, kMaxTag);
    c.part(m.today);
    c.part(m.before);
    c.num(m.open);
    c.num(m.held);
    c.text(m.warm_up, kMaxPolicyText);
  }
};
struct DeliveryShown {
  static constexpr uint16_t kType = 1233;
  uint32_t query = 0;
  std::vector<ProviderScore> providers;
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.query);
    c.list(m.providers, kMaxProviders + 1);
  }
};

}  // namespace mailkeep::relay
