// Where mail for a domain goes: RFC 5321 5.1 (MX, implicit MX, loops), RFC 7505 (null MX), RFC 7672 (which hosts have
// TLSA records that count). Knows no socket: it asks a dns::Source, and a test may be that.
//
//   find: MX -> for each host A and AAAA -> where those are secure TLSA -> Hops
//         (is_host: from the addresses on)
//
// TLSA is asked for only where the MX records (RFC 7672 2.2.1) and the addresses (2.1.3) are secure: servers that
// cannot answer such questions would else cost mail. Behind an alias it is looked for at its end, then at its start
// (2.2.2).
// SPDX-License-Identifier: ISC
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>

#include "lib/dns/answer.h"
#include "lib/event/loop.h"
#include "lib/imsg/routes.h"
#include "smtpd/lookup/messages.h"

namespace mailkeep::lookup {

constexpr Seconds kFindPatience{30};       // a whole question; what is there by then is the answer
constexpr unsigned kMaxFindQueries = 100;  // DNS queries of one question
constexpr size_t kMaxFinds = 2000;         // questions at once; more are told to come back

// Which addresses of a host, in which order.
enum class Family : uint8_t { kAlternate, kV6First, kV4First, kV6, kV4 };
constexpr std::string_view kFamilyNames = "alternate ipv6-first ipv4-first ipv6 ipv4";  // in the order of Family
std::optional<Family> parse_family(std::string_view name);

// The addresses as they are tried: alternating ones begin with IPv6.
std::vector<std::string> order_addresses(const std::vector<std::string>& v6, const std::vector<std::string>& v4,
                                         Family family);

struct FinderConfig {
  std::string hostname;       // ours
  std::vector<Endpoint> own;  // where we take mail: an MX there is ourselves
  Family family = Family::kAlternate;
};

// All questions under way. Each is answered once, or forgotten with its asker.
class Finder {
 public:
  using Done = std::function<void(imsg::PeerId, const Hops&)>;
  // `seed` is for the order of hosts of equal preference.
  Finder(event::Loop& loop, Done done, uint64_t seed) : loop_(loop), done_(std::move(done)), random_(seed) {}

  void set_config(FinderConfig config) { config_ = std::move(config); }
  // Questions that are under way go on with it; the old one may end when it is idle.
  void set_source(dns::Source* source) { source_ = source; }
  void find(imsg::PeerId from, const FindHops& question);
  void forget(imsg::PeerId peer);
  size_t running() const { return finds_.size(); }

 private:
  struct HostState {
    std::vector<std::string> v6, v4;
    bool has_alias = false;
    bool all_secure = true;     // of the answers with addresses
    bool is_temporary = false;  // an answer failed
    std::string canonical;
    std::deque<std::string> tlsa_bases;  // still to be asked
    unsigned open = 0;                   // address queries not answered yet
    bool awaits_tlsa = false;
  };
  struct Find {
    uint64_t id = 0;
    imsg::PeerId from;
    FindHops question;
    Hops hops;
    std::vector<HostState> hosts;  // beside hops.hops
    unsigned queries = 0;          // sent
    unsigned open = 0;             // not answered yet
    bool is_ended = false;         // `hops` is the answer
    std::unique_ptr<event::Timer> patience;
  };
  using Step = void (Finder::*)(Find& find, size_t host, const dns::Answer& answer);

  void ask(Find& find, size_t host, const std::string& name, dns::Type type, Step step);
  void add_host(Find& find, const std::string& name, uint16_t preference);
  void on_mx(Find& find, size_t host, const dns::Answer& answer);
  bool take_mx(Find& find, std::vector<dns::Mx> records);
  void ask_addresses(Find& find);
  void on_address(Find& find, size_t host, const dns::Answer& answer);
  void set_addresses(Find& find, size_t host);
  void on_addresses_known(Find& find, size_t host);
  void on_alias(Find& find, size_t host, const dns::Answer& answer);
  void ask_tlsa(Find& find, size_t host);
  void on_tlsa(Find& find, size_t host, const dns::Answer& answer);
  const std::string& own_name(const Find& find) const {
    return find.question.own_name.empty() ? config_.hostname : find.question.own_name;
  }
  bool is_own(const Hop& hop, uint16_t port) const;
  bool drop_ourselves(Find& find);
  void end(Find& find, HopsState state, std::string text);
  void end_loop(Find& find);
  void decide(Find& find);
  void conclude(uint64_t id);

  event::Loop& loop_;
  Done done_;
  std::mt19937_64 random_;
  FinderConfig config_;
  dns::Source* source_ = nullptr;
  uint64_t last_id_ = 0;
  std::map<uint64_t, Find> finds_;
};

}  // namespace mailkeep::lookup
