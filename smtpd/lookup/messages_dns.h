// Who a client is, where another host is (RFC 5321 5.1), what stands in its TXT records.
// SPDX-License-Identifier: ISC
#pragma once

#include "lib/base/clock.h"
#include "lib/base/limits.h"
#include "lib/imsg/codec.h"
#include "smtpd/lookup/messages_check.h"

namespace mailkeep::lookup {

constexpr Seconds kNamePatience{5};

// From smtpd, at the start of a session: the name of the client at that address. Answered with ClientName, in
// kNamePatience at the latest.
struct FindName {
  static constexpr uint16_t kType = 314;
  uint64_t session = 0;
  std::string address;
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.session);
    c.text(m.address, 64);
  }
};

struct ClientName {
  static constexpr uint16_t kType = 324;
  uint64_t session = 0;
  NameState state = NameState::kFailed;
  std::string name;  // lower case letters, digits, "-", "_" and "."; when kConfirmed
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.session);
    c.choice(m.state, NameState::kConfirmed);
    c.text(m.name, kMaxHostname);
  }
};

// --- where another host is (RFC 5321 5.1) -----------------------------------------------------------

constexpr size_t kMaxHops = 32;          // MX hosts that are tried
constexpr size_t kMaxHopAddresses = 16;  // of one host
constexpr size_t kMaxTlsa = 16;          // records of one host and port: all of all hops fit into one message

// From relay: the hosts that take mail for a domain, or with `is_host` the addresses of a host. Answered by Hops.
struct FindHops {
  static constexpr uint16_t kType = 312;
  uint64_t query = 0;
  std::string name;      // a domain or host name in A-labels; never an address literal
  bool is_host = false;  // no MX lookup
  uint16_t port = 25;    // for TLSA
  std::string own_name;  // what this server is called there as an MX; empty: its hostname
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.query);
    c.text(m.name, kMaxDomain);
    c.flag(m.is_host);
    c.num(m.port);
    c.text(m.own_name, kMaxDomain);
  }
};

constexpr size_t kMaxTexts = 20;
constexpr size_t kMaxTextBytes = 4000;  // of one record, its strings joined

// From relay: the TXT records of a name. Answered by Texts.
struct FindTexts {
  static constexpr uint16_t kType = 318;
  uint64_t query = 0;
  std::string name;
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.query);
    c.text(m.name, kMaxDomain);
  }
};

// To relay.
struct Texts {
  static constexpr uint16_t kType = 328;
  uint64_t query = 0;
  bool failed = false;  // nobody knows: SERVFAIL, time-out, bogus signatures
  std::vector<std::string> texts;
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.query);
    c.flag(m.failed);
    c.texts(m.texts, kMaxTexts, kMaxTextBytes);
  }
};

// RFC 6698 2.1.
struct Tlsa {
  uint8_t usage = 0;
  uint8_t selector = 0;
  uint8_t matching = 0;
  std::string data;  // binary
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.usage);
    c.num(m.selector);
    c.num(m.matching);
    c.text(m.data, 1024);
  }
};

enum class TlsaState : uint8_t {
  kNone,    // no records that count
  kSecure,  // validated; where none of `tlsa` is usable: TLS without a name (RFC 7672 2.2)
  kFailed,  // could not be had: do not go there now
};

struct Hop {
  std::string name;
  uint32_t preference = 0;
  std::vector<std::string> addresses;  // numeric, in the order to try
  bool secure = false;                 // name and addresses by DNSSEC; behind a secure alias TLSA may count without
  TlsaState tlsa_state = TlsaState::kNone;
  std::string tlsa_base;  // whose records they are: the name, or what it is an alias of (RFC 7672 2.2.3)
  std::vector<Tlsa> tlsa;
  std::string problem;  // why it has no addresses, or no TLSA; for people
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.text(m.name, kMaxDomain);
    c.num(m.preference);
    c.texts(m.addresses, kMaxHopAddresses, 64);
    c.flag(m.secure);
    c.choice(m.tlsa_state, TlsaState::kFailed);
    c.text(m.tlsa_base, kMaxDomain);
    c.list(m.tlsa, kMaxTlsa);
    c.text(m.problem, kMaxReplyText);
  }
};

enum class HopsState : uint8_t {
  kFound,
  kTemporary,  // SERVFAIL, time-out, bogus signatures: never taken for "no such domain"
  kNoDomain,   // NXDOMAIN, or neither MX nor address: 5.1.2
  kNullMx,     // RFC 7505: 5.1.10
  kLoop,       // we are its best MX, but do not take its mail: 5.4.6
};

// To relay.
struct Hops {
  static constexpr uint16_t kType = 322;
  uint64_t query = 0;
  HopsState state = HopsState::kFound;
  bool secure = false;       // the MX records by DNSSEC (is_host: the addresses)
  bool implicit_mx = false;  // no MX: the domain's own addresses
  std::vector<Hop> hops;     // by preference, equal ones shuffled; when kFound at least one has an address
  std::string text;          // for people, when not kFound
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.query);
    c.choice(m.state, HopsState::kLoop);
    c.flag(m.secure);
    c.flag(m.implicit_mx);
    c.list(m.hops, kMaxHops);
    c.text(m.text, kMaxReplyText);
  }
};

}  // namespace mailkeep::lookup
