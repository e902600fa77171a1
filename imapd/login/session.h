// One connection before login: its socket, its dialog, and what it waits for.
//
//   shaking ──Established──▶ talking ◀──── denied ────┐
//                              │ ▲  └─login─▶ checking ┴─ok─▶ flushing ──▶ presenting ──ok──▶ gone: it is the user's
//                              │ └─────────────── not ok ────────────────────┘
//                              └─LOGOUT, timeout─▶ ending ──▶ gone
//
// SPDX-License-Identifier: ISC
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "imapd/login/dialog.h"
#include "lib/event/stream.h"
#include "lib/os/peer.h"
#include "smtpd/auth/messages.h"
#include "smtpd/parent/messages.h"
#include "smtpd/tls/messages.h"

namespace mailkeep::imapd {

constexpr size_t kMaxInput = 64 * 1024;  // pipelined behind a login, it travels with the connection
constexpr Seconds kEndTimeout{2};

// What a session asks of its process.
class Host {
 public:
  virtual ~Host() = default;
  virtual bool serve_tls(tls::Serve m) = 0;  // false: tls is not there
  virtual bool tls_is_up() const = 0;
  virtual bool check(const auth::Check& m) = 0;  // false: auth is not there
  virtual void present(const parent::Present& m) = 0;
  virtual void ended(uint64_t session, std::string_view why) = 0;  // destroys it, later
};

class Session {
 public:
  struct Terms {
    std::string listener;
    std::string hostname;
    std::vector<std::string> pki;
    bool plaintext_ok = false;
    bool implicit_tls = false;
    Seconds login_timeout{60};
  };

  Session(event::Loop& loop, Host& host, uint64_t id, Fd connection, os::Peer peer, Terms terms);
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  void established();
  void tls_lost();  // the handshake failed, or tls died
  void checked(const auth::Checked& m);
  void auth_lost();
  // ok: the connection is the user process's now.
  void presented(bool ok, const std::string& text);

  const os::Peer& peer() const { return peer_; }

 private:
  enum class State { kShaking, kTalking, kChecking, kFlushing, kPresenting, kEnding };

  void talk_over(Fd fd);
  void new_dialog();
  void readable();
  void drained();
  void closed(int error);
  void talk();
  bool start_tls();
  void check();
  void present();
  void end(std::string_view why);
  void on_timeout();

  event::Loop& loop_;
  Host& host_;
  uint64_t id_;
  os::Peer peer_;
  Terms terms_;
  State state_ = State::kTalking;
  bool tls_ = false;
  std::unique_ptr<Dialog> dialog_;
  std::unique_ptr<event::Stream> stream_;
  event::Timer timer_;
  uint64_t ticket_high_ = 0;
  uint64_t ticket_low_ = 0;
  std::string end_reason_;
};

}  // namespace mailkeep::imapd
