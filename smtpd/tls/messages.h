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
  Fd client;  // the TCP connection
  Fd plain;  // tls's end of the plaintext socketpair
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

// From relay: do the client's side of TLS on this connection. As Serve otherwise.
struct Connect {
  static constexpr uint16_t kType = 203;
  uint64_t session = 0;
  std::string servername;  // for SNI; with `verify` what the certificate must name. A numeric address goes without SNI
  bool verify = false;     // chain and name; else any certificate will do
  Fd server;               // the TCP connection
  Fd plain;                // tls's end of the plaintext socketpair
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.session);
    c.text(m.servername, kMaxHostname);
    c.flag(m.verify);
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
  bool verified = false;   // of a Connect: the certificate is by a trusted authority, of this name and in its time
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.session);
    c.text(m.version, 32);
    c.text(m.cipher, 100);
    c.text(m.servername, kMaxHostname);
    c.flag(m.verified);
  }
};

// To smtpd, imapd or relay: the handshake failed, or no such pki.
struct Failed {
  static constexpr uint16_t kType = 211;
  uint64_t session = 0;
  std::string text;
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.session);
    c.text(m.text, 1000);
  }
};

}  // namespace mailkeep::tls
