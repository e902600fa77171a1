// One table that decides how much TLS a host must show for mail of a domain. Pure: inputs in, a policy and its reason
// out.
//
//   1. the administrator's list (tls-policy)      decides alone: nothing below can soften or harden it
//   2. DANE (RFC 7672)                            validated TLSA records: they fit, or the mail waits; unusable ones: TLS with any
//                                                 certificate; ones that could not be had: not this host, not now
//   3. MTA-STS (RFC 8461), mode enforce           the host is one of the policy's, and its certificate names it; mode testing only
//                                                 reports
//   4. a learned pin, where the option says so    as 3, without a list of hosts
//   5. the action's own `tls`
//
// The action's `tls` is a minimum for 2 to 4. REQUIRETLS (RFC 8689) asks on top of all that the host is verified.
// Run by relay, for mail and for `mailkeepctl tls policy`.
// SPDX-License-Identifier: ISC
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "lib/base/result.h"
#include "smtpd/lookup/messages.h"
#include "smtpd/relay/messages.h"
#include "smtpd/tls/messages.h"

namespace mailkeep::relay {

// What is known of a domain's MTA-STS policy.
enum class StsMode : uint8_t { kNone, kTesting, kEnforce };
struct StsPolicy {
  StsMode mode = StsMode::kNone;
  std::vector<std::string> hosts;  // lower case; "*.example.net" stands for one label more
};
bool sts_matches(const StsPolicy& policy, std::string_view host);

struct PolicyInput {
  std::string domain;      // of the recipients, or the smart host's name
  bool by_mx = true;       // the host came from the domain's MX records; false: it was named
  bool mx_secure = false;  // those by DNSSEC
  Tls action = Tls::kMay;
  bool require_tls = false;
  const TlsRule* rule = nullptr;     // of the list
  const lookup::Hop* hop = nullptr;  // nullptr: a numeric address, of which the DNS says nothing
  std::string host;                  // its name, or the address
  const StsPolicy* sts = nullptr;
  bool is_learned = false;
};

enum class Authority : uint8_t { kAction, kList, kDane, kSts, kLearned, kMessage };
std::string_view authority_name(Authority a);  // "tls-policy", "DANE", ...

struct TlsPolicy {
  Tls tls = Tls::kMay;  // what a session needs: kVerify wherever `check` asks for anything
  tls::Check check = tls::Check::kNone;
  std::string servername;
  std::vector<std::string> names;  // for kAuthority, and DANE-TA
  std::vector<tls::Association> associations;
  Authority authority = Authority::kAction;
  std::string reason;        // "TLSA records of mx.example.net"; for people
  bool sts_testing = false;  // verify for the report alone
};

// Why this host is not to be used.
struct Objection {
  bool is_final = false;  // for this message: no later attempt will do
  std::string enhanced;
  std::string text;
};

struct Decision {
  TlsPolicy policy;
  std::optional<Objection> objection;  // then the policy is what was missed
};
Decision decide_tls(const PolicyInput& in);

// The usable ones, of each kind those with the strongest digest alone (RFC 7671 9).
std::vector<tls::Association> usable_associations(const std::vector<lookup::Tlsa>& records);

// "verify by DANE (TLSA records of mx.example.net)"
std::string describe(const TlsPolicy& policy);

// The administrator's list. An exact name goes before "*." and the nearest parent.
class TlsList {
 public:
  void add(TlsRule rule);
  const TlsRule* find(const std::string& domain) const;
  size_t size() const { return rules_.size(); }

 private:
  std::map<std::string, TlsRule> rules_;
};

}  // namespace mailkeep::relay
