// What imapd receives: listeners from the parent and its answers to Present. See also tls::Established, auth::Checked.
// SPDX-License-Identifier: ISC
#pragma once

#include "lib/base/limits.h"
#include "lib/imsg/codec.h"

namespace mailkeep::imapd {

enum class Protocol : uint8_t { kImap, kImaps, kSieve };

struct Config {
  static constexpr uint16_t kType = 800;
  uint32_t generation = 0;
  std::string hostname;
  uint32_t max_sessions = 0;
  uint32_t max_sessions_per_source = 0;
  uint32_t login_timeout = 0;  // seconds
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.generation);
    c.text(m.hostname, kMaxHostname);
    c.num(m.max_sessions);
    c.num(m.max_sessions_per_source);
    c.num(m.login_timeout);
  }
};

struct Listener {
  static constexpr uint16_t kType = 801;
  uint32_t generation = 0;
  uint32_t id = 0;
  Protocol protocol = Protocol::kImap;
  bool plaintext_ok = false;  // login without TLS from loopback
  std::string name;
  std::vector<std::string> pki;
  Fd socket;
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.generation);
    c.num(m.id);
    c.choice(m.protocol, Protocol::kSieve);
    c.flag(m.plaintext_ok);
    c.text(m.name, 300);
    c.texts(m.pki, 16, kMaxTag);
    c.fd(m.socket);
  }
};

// From the parent: the connection is the user process's now (close ours), or it could not be had: answer NO
// [UNAVAILABLE].
struct Presented {
  static constexpr uint16_t kType = 810;
  uint64_t session = 0;
  bool ok = false;
  std::string text;  // for the client when not ok
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.session);
    c.flag(m.ok);
    c.text(m.text, 300);
  }
};

}  // namespace mailkeep::imapd
