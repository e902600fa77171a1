// What smtpd (and lmtpd, which takes the same) receives from the parent. Answers to its own questions are defined by
// who answers: lookup::RcptVerdict, lookup::SenderVerdict, queue::Enqueued, queue::SpoolFile, tls::Established,
// tls::Failed, auth::Checked, auth::Identified.
// SPDX-License-Identifier: ISC
#pragma once

#include "lib/base/limits.h"
#include "lib/imsg/codec.h"

namespace mailkeep::smtpd {

constexpr size_t kMaxSources = 1000;  // addresses and networks that a listener names for one purpose

enum class Protocol : uint8_t { kSmtp, kSubmission, kSubmissions, kLmtp, kLocal };

struct Config {
  static constexpr uint16_t kType = 700;
  uint32_t generation = 0;
  std::string hostname;
  uint64_t message_size = 0;
  uint32_t max_recipients = 0;
  uint32_t max_sessions = 0;
  uint32_t max_sessions_per_source = 0;
  uint32_t max_received = 0;
  uint32_t max_sessions_per_network = 0;
  uint32_t max_messages_per_session = 0;  // 0: as many as they like, here and in the next ones
  uint32_t max_recipients_per_session = 0;
  uint32_t max_messages_per_hour = 0;  // of one source
  uint32_t max_recipients_per_hour = 0;
  uint32_t max_errors = 20;       // of a session
  uint32_t error_delay = 0;       // seconds; 0: no answer is delayed
  uint32_t greet_pause = 0;       // seconds; 0: everybody is greeted at once
  uint32_t idle_timeout = 0;      // seconds
  uint32_t busy_timeout = 0;      // seconds: instead of the above when the sessions are nearly all in use
  uint32_t min_deliver_by = 0;    // seconds (RFC 2852)
  uint32_t max_hold = 0;          // seconds (RFC 4865); 0: FUTURERELEASE is not offered
  bool offer_dsn = true;          // to strangers too
  bool rewrites_senders = false;  // lookup is asked about every sender of a submission, not to compare them alone
  bool strict_local = false;      // a local user's From field must be the user's own
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.generation);
    c.text(m.hostname, kMaxHostname);
    c.num(m.message_size);
    c.num(m.max_recipients);
    c.num(m.max_sessions);
    c.num(m.max_sessions_per_source);
    c.num(m.max_received);
    c.num(m.max_sessions_per_network);
    c.num(m.max_messages_per_session);
    c.num(m.max_recipients_per_session);
    c.num(m.max_messages_per_hour);
    c.num(m.max_recipients_per_hour);
    c.num(m.max_errors);
    c.num(m.error_delay);
    c.num(m.greet_pause);
    c.num(m.idle_timeout);
    c.num(m.busy_timeout);
    c.num(m.min_deliver_by);
    c.num(m.max_hold);
    c.flag(m.offer_dsn);
    c.flag(m.rewrites_senders);
    c.flag(m.strict_local);
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
  std::vector<std::string> trusted;   // addresses and networks: no limit but that of all sessions together, no pause
  std::vector<std::string> proxies;   // who must speak the PROXY protocol first
  std::vector<std::string> xclients;  // who may say XCLIENT
  uint16_t phases = 0;                // in which lookup has filters for it, a bit 1 << conf::Phase each
  Fd socket;                          // listening, non-blocking
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.generation);
    c.num(m.id);
    c.choice(m.protocol, Protocol::kLocal);
    c.text(m.tag, kMaxTag);
    c.text(m.name, 300);
    c.texts(m.pki, 16, kMaxTag);
    c.texts(m.trusted, kMaxSources, 64);
    c.texts(m.proxies, kMaxSources, 64);
    c.texts(m.xclients, kMaxSources, 64);
    c.num(m.phases);
    c.fd(m.socket);
  }
};

}  // namespace mailkeep::smtpd
