// What the tls process receives, and (below) what it answers to smtpd, imapd and relay.
// SPDX-License-Identifier: ISC
#pragma once

#include "lib/base/limits.h"
#include "lib/imsg/codec.h"

namespace mailkeep::tls {

// From the parent, one for each pki of a configuration generation. PEM files, opened by root, read-only.
struct Keypair {
  static constexpr uint16_t kType = 200;
  uint32_t generation = 0;
  std::string name;
  Fd cert;
  Fd key;
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.generation);
    c.text(m.name, kMaxTag);
    c.fd(m.cert);
    c.fd(m.key);
  }
};

// From smtpd or imapd: take this client and do the server's side of TLS with it. Bytes then flow between the client
// and `plain`. Answered by Established or Failed; after Failed both descriptors are closed.
struct Serve {
  static constexpr uint16_t kType = 201;
  uint64_t session = 0;
  std::vector<std::string> pki;  // names; the first is the default, SNI chooses among them
  Fd client;                     // the TCP connection
  Fd plain;                      // tls's end of the plaintext socketpair
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.session);
    c.texts(m.pki, 16, kMaxTag);
    c.fd(m.client);
    c.fd(m.plain);
  }
};

// From the parent, when mail goes to other hosts: the certificates of the authorities that are trusted, in PEM.
struct Authorities {
  static constexpr uint16_t kType = 202;
  uint32_t generation = 0;
  std::string path;  // for error messages
  Fd bundle;
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.generation);
    c.text(m.path, 4096);
    c.fd(m.bundle);
  }
};

// What a server's certificate must be like. RFC 6698 2.1; usage 2 (DANE-TA) or 3 (DANE-EE, and fingerprints).
struct Association {
  uint8_t usage = 3;
  uint8_t selector = 0;
  uint8_t matching = 0;
  std::string data;  // binary
  bool operator==(const Association&) const = default;
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.usage);
    c.num(m.selector);
    c.num(m.matching);
    c.text(m.data, 1024);
  }
};

enum class Check : uint8_t {
  kNone,          // any certificate will do; whether it would have held before an authority is told all the same
  kAuthority,     // by a trusted authority, in its time, with one of the names
  kAssociations,  // fits one of the associations; with usage 2 its chain, time and name must be right too
};

constexpr size_t kMaxAssociations = 16;
constexpr size_t kMaxNames = 8;

// From relay: do the client's side of TLS on this connection. As Serve otherwise.
struct Connect {
  static constexpr uint16_t kType = 203;
  uint64_t session = 0;
  std::string servername;  // for SNI. A numeric address goes without
  Check check = Check::kNone;
  std::vector<std::string> names;  // of which the certificate must have one; empty: the servername
  std::vector<Association> associations;
  Fd server;  // the TCP connection
  Fd plain;   // tls's end of the plaintext socketpair
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.session);
    c.text(m.servername, kMaxHostname);
    c.choice(m.check, Check::kAssociations);
    c.texts(m.names, kMaxNames, kMaxHostname);
    c.list(m.associations, kMaxAssociations);
    c.fd(m.server);
    c.fd(m.plain);
  }
};

// To smtpd, imapd or relay: the handshake is done.
struct Established {
  static constexpr uint16_t kType = 210;
  uint64_t session = 0;
  std::string version;  // "TLSv1.3"
  std::string cipher;
  std::string servername;  // SNI; empty: none
  bool verified = false;   // of a Connect: the certificate is what `check` asks for; with kNone: as kAuthority would
  std::string how;         // of a Connect: "authority", "DANE-EE 3 1 1"; when not verified, why
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.session);
    c.text(m.version, 32);
    c.text(m.cipher, 100);
    c.text(m.servername, kMaxHostname);
    c.flag(m.verified);
    c.text(m.how, 300);
  }
};

// What was wrong, as RFC 8460 4.3 divides it.
enum class Problem : uint8_t { kHandshake, kExpired, kName, kUntrusted, kAssociation };

// To smtpd, imapd or relay: the handshake failed, the certificate is not as asked, or no such pki.
struct Failed {
  static constexpr uint16_t kType = 211;
  uint64_t session = 0;
  std::string text;
  Problem problem = Problem::kHandshake;
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.session);
    c.text(m.text, 1000);
    c.choice(m.problem, Problem::kAssociation);
  }
};

}  // namespace mailkeep::tls
