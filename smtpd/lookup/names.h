// Who a client is: the name that the PTR records of its address give, if that name leads back to the address (RFC 1912
// 2.1). Knows no socket: it asks a dns::Source, and a test may be that.
//
//   find: PTR -> for each name A or AAAA -> the first name with that address, else kUnconfirmed
//
// What cannot be asked now is kFailed, never "no name"; nor is anything later than kNamePatience.
// SPDX-License-Identifier: ISC
#pragma once

#include <functional>
#include <map>
#include <memory>

#include "lib/conf/network.h"
#include "lib/dns/answer.h"
#include "lib/event/loop.h"
#include "lib/imsg/routes.h"
#include "smtpd/lookup/messages.h"

namespace mailkeep::lookup {

constexpr size_t kMaxClientNames = 5;   // PTR records that are looked at
constexpr size_t kMaxNameFinds = 5000;  // questions at once; more are answered as kFailed

// The name in in-addr.arpa or ip6.arpa; "" if `address` is none.
std::string reverse_name(const std::string& address);

// All questions under way. Each is answered once, or forgotten with its asker.
class NameFinder {
 public:
  using Done = std::function<void(imsg::PeerId, const ClientName&)>;
  NameFinder(event::Loop& loop, Done done) : loop_(loop), done_(std::move(done)) {}

  void set_source(dns::Source* source) { source_ = source; }
  void find(imsg::PeerId from, const FindName& question);
  void forget(imsg::PeerId peer);
  size_t running() const { return finds_.size(); }

 private:
  struct Find {
    imsg::PeerId from;
    uint64_t session = 0;
    conf::Network address;
    bool is_v4 = false;
    size_t open = 0;          // questions not answered yet
    bool has_failed = false;  // one of them
    std::unique_ptr<event::Timer> patience;
  };
  void on_names(uint64_t id, const dns::Answer& answer);
  void on_address(uint64_t id, const std::string& name, const dns::Answer& answer);
  void conclude(uint64_t id, NameState state, const std::string& name = "");

  event::Loop& loop_;
  Done done_;
  dns::Source* source_ = nullptr;
  uint64_t last_id_ = 0;
  std::map<uint64_t, Find> finds_;
};

}  // namespace mailkeep::lookup
