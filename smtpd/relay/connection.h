// One connection to a server: its bytes between the socket (or the tls process) and the Dialog, and the clock.
// Run by relay. Everything it tells its owner it tells as the last thing it does: the owner may destroy it then.
// SPDX-License-Identifier: ISC
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "lib/event/stream.h"
#include "smtpd/relay/dialog.h"
#include "smtpd/relay/policy.h"
#include "smtpd/tls/messages.h"

namespace mailkeep::relay {

constexpr Seconds kTlsPatience(40);  // the tls process gives a handshake 30 s
constexpr Seconds kIdlePatience(5);  // between two messages
constexpr Seconds kQuitPatience(5);
constexpr size_t kMaxInput = 16 * 1024;

// Where it leads.
struct Host {
  std::string name;  // of the MX or the smart host
  std::string address;
  uint16_t port = 25;
  bool implicit_tls = false;
  TlsPolicy policy;
  Dialog::Settings settings;
  // "mx.example.net [192.0.2.1]:25", or a socket's path
  std::string show() const { return address.empty() ? name : name + " [" + address + "]:" + std::to_string(port); }
};

class Connection {
 public:
  struct Calls {
    std::function<bool(const tls::Connect& connect)> start_tls;  // false: no tls process
    std::function<void()> ready;                                 // give it a transaction
    std::function<void()> done;                                  // of a transaction
    std::function<void()> failed;                                // with or without a transaction; destroy it
    std::function<void()> ended;   // after quit(), or by the server while idle; destroy it
    std::function<void()> rested;  // it has been idle long enough: quit()
  };
  Connection(event::Loop& loop, uint64_t id, Host host, Fd fd, Calls calls);
  ~Connection() { *alive_ = false; }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  void begin(const Transfer& transfer, const Survey& survey);
  void idle();  // until begin() or quit()
  void quit();
  void on_established(const tls::Established& established);
  void on_tls_failed(const std::string& text, bool ours,
                     tls::Problem problem =
                         tls::Problem::kHandshake);  // ours: no fault of the server, and no reason to go without TLS

  const Dialog& dialog() const { return dialog_; }
  const Host& host() const { return host_; }
  const std::string& tls() const {
    return tls_;
  }  // "TLSv1.3 TLS_AES_256_GCM_SHA384, verified (DANE-EE 3 1 1)"; empty: none
  bool is_verified() const { return verified_; }     // its certificate, as the policy or any authority would have it
  tls::Problem problem() const { return problem_; }  // when tls_failed()
  bool tls_failed() const { return tls_failed_ || dialog_.tls_failed(); }
  uint32_t transactions() const { return transactions_; }

 private:
  void open(Fd fd);
  void on_input();
  void on_closed(int error);
  void on_timeout();
  void hand_over();
  void follow(Dialog::Step step);
  void pump();

  event::Loop& loop_;
  uint64_t id_;
  Host host_;
  Calls calls_;
  Dialog dialog_;
  std::unique_ptr<event::Stream> stream_;
  Fd plain_;  // our end, while the handshake runs
  event::Timer timer_;
  std::string tls_;
  bool tls_failed_ = false;
  bool verified_ = false;
  tls::Problem problem_ = tls::Problem::kHandshake;
  bool idle_ = false;
  bool quitting_ = false;
  uint32_t transactions_ = 0;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace mailkeep::relay
