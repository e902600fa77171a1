// One small request over HTTPS: TCP by us, TLS with a verified name by the tls process, HTTP by us. No redirect is
// followed (RFC 8461 3.3), and all of it has one time limit.
// Run by relay. Trusts nothing of the server but what tls says of its certificate.
// SPDX-License-Identifier: ISC
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "lib/event/stream.h"
#include "smtpd/relay/connector.h"
#include "smtpd/relay/http.h"
#include "smtpd/tls/messages.h"

namespace mailkeep::relay {

constexpr Seconds kFetchPatience(20);  // mail of a domain that is new to us waits for it

class Fetch {
 public:
  using StartTls = std::function<bool(const tls::Connect&)>;
  // Called once, from the loop; it may destroy the Fetch. Any answer, whatever its status; that of a POST has nothing
  // else.
  using Done = std::function<void(const mailkeep::Result<HttpAnswer>& answer)>;

  // `id` names it to the tls process.
  Fetch(event::Loop& loop, uint64_t id, HttpRequest request, StartTls start_tls, Done done);
  ~Fetch() { *alive_ = false; }
  Fetch(const Fetch&) = delete;
  Fetch& operator=(const Fetch&) = delete;

  // The host's addresses, or none and why.
  void connect(const std::vector<std::string>& addresses, const std::string& why_none);
  void on_established(const tls::Established& established);
  void on_tls_failed(const std::string& text);

 private:
  void hand_over(Fd fd);
  void look(bool ended);
  void finish(mailkeep::Result<HttpAnswer> answer);

  event::Loop& loop_;
  uint64_t id_;
  HttpRequest request_;
  StartTls start_tls_;
  Done done_;
  event::Timer patience_;
  std::unique_ptr<Connector> connector_;
  Fd plain_;
  std::unique_ptr<event::Stream> stream_;
  bool over_ = false;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace mailkeep::relay
