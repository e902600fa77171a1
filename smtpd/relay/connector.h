// A TCP connection to one of a host's addresses, in their order: the next one is tried when the last has failed, or
// beside it when that has not answered for a moment (after RFC 8305); the first that connects is taken.
// Run by relay; trusts nothing.
// SPDX-License-Identifier: ISC
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "lib/base/fd.h"
#include "lib/base/result.h"
#include "lib/event/loop.h"

namespace mailkeep::relay {

constexpr Seconds kConnectPatience(30);  // each address
constexpr Millis kHeadStart(500);        // of an address before the next one

bool is_loopback(const std::string& address);

class Connector {
 public:
  // Called once, from the loop. `fd` empty: no address answered; `text` says why the last one did not. Not from the
  // constructor; the callback may destroy the Connector.
  using Done = std::function<void(Fd fd, const std::string& address, const std::string& text)>;

  // `addresses` and `sources` are numeric; a source is used for the addresses of its family.
  Connector(event::Loop& loop, std::vector<std::string> addresses, uint16_t port, std::vector<std::string> sources,
            Done done);
  ~Connector();
  Connector(const Connector&) = delete;
  Connector& operator=(const Connector&) = delete;

 private:
  struct Attempt;
  void next();
  void on_ready(Attempt& attempt);
  void failed(Attempt& attempt, const std::string& why);
  void finish(Fd fd, const std::string& address);

  event::Loop& loop_;
  std::vector<std::string> addresses_;
  uint16_t port_;
  std::vector<std::string> sources_;
  Done done_;
  size_t tried_ = 0;
  size_t open_ = 0;  // attempts under way
  bool over_ = false;
  std::string text_;
  std::vector<std::unique_ptr<Attempt>> attempts_;
  event::Timer head_start_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace mailkeep::relay
