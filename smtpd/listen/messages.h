// What smtpd (and lmtpd, which takes the same) receives from the parent. Answers to its own questions are defined by
// who answers: lookup::RcptVerdict, lookup::SenderVerdict, queue::Enqueued, queue::SpoolFile, tls::Established, tls::Failed,
// auth::Checked.
// SPDX-License-Identifier: ISC
#pragma once

#include "lib/base/limits.h"
#include "lib/imsg/codec.h"

namespace mailkeep::smtpd {

enum class Protocol : uint8_t { kSmtp, kSubmission, kSubmissions, kLmtp };

struct Config {
  static constexpr uint16_t kType = 700;
  uint32_t generation = 0;
  std::string hostname;
  uint64_t message_size = 0;
  uint32_t max_recipients = 0;
  uint32_t max_sessions = 0;
  uint32_t max_sessions_per_source = 0;
  uint32_t max_received = 0;
  uint32_t max_messages_per_session = 0;  // 0: as many as they like
  uint32_t idle_timeout = 0;  // seconds
  uint32_t min_deliver_by = 0;  // seconds (RFC 2852)
  uint32_t max_hold = 0;        // seconds (RFC 4865); 0: FUTURERELEASE is not offered
  bool offer_dsn = true;        // to strangers too
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.generation);
    c.text(m.hostname, kMaxHostname);
    c.num(m.message_size);
    c.num(m.max_recipients);
    c.num(m.max_sessions);
    c.num(m.max_sessions_per_source);
    c.num(m.max_received);
    c.num(m.max_messages_per_session);
    c.num(m.idle_timeout);
    c.num(m.min_deliver_by);
    c.num(m.max_hold);
    c.flag(m.offer_dsn);
  }
};

// One for each listening socket of a generation; sockets not named again are closed at Commit.
struct Listener {
  static constexpr uint16_t kType = 701;
  uint32_t generation = 0;
  uint32_t id = 0;
  Protocol protocol = Protocol::kSmtp;
  std::string tag;
  std::string name;  // address and port, or path, for the log
  std::vector<std::string> pki;
  Fd socket;  // listening, non-blocking
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.generation);
    c.num(m.id);
    c.choice(m.protocol, Protocol::kLmtp);
    c.text(m.tag, kMaxTag);
    c.text(m.name, 300);
    c.texts(m.pki, 16, kMaxTag);
    c.fd(m.socket);
  }
};

}  // namespace mailkeep::smtpd
