// MTA-STS (RFC 8461): what a domain's TXT record and its policy say, and the book that relay keeps of policies.
//
//   ready(domain) ─▶ on disk? ─▶ TXT of _mta-sts.domain ─▶ a new id, or none known: GET the policy ─▶ known(domain)
//                    (recall)    (look)                     (fetch)                                  (keep)
//
// A policy that is known is used at once and looked after behind its back; only mail for a domain of which nothing is
// known waits. A failed look or fetch changes nothing of what is known until max_age has passed. Pure: the owner asks,
// and passes the time. Run by relay. Trusts lookup; of web servers nothing but the certificate that tls has verified.
// SPDX-License-Identifier: ISC
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "lib/base/clock.h"
#include "lib/base/limits.h"
#include "lib/base/result.h"
#include "smtpd/relay/policy.h"

namespace mailkeep::relay {

constexpr int64_t kLookAgain = 600;    // seconds between looks at a domain's TXT record
constexpr int64_t kFetchAgain = 300;   // after a fetch that failed (RFC 8461 3.3: 5 minutes or more)
constexpr int64_t kRefetch = 86400;    // RFC 8461 3.3: a policy is looked after once a day
constexpr int64_t kMaxAge = 31557600;  // RFC 8461 3.2
constexpr Seconds kRefreshSts(900);    // between looks at which those are
constexpr size_t kMaxStsHosts = 100;   // "mx" lines
constexpr size_t kMaxStsId = 32;
constexpr size_t kMaxStsEntries = 20000;  // domains in memory

// As kept on disk.
struct StsRecord {
  std::string domain;
  std::string id;
  int64_t fetched = 0;
  int64_t expires = 0;
  StsPolicy policy;
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.text(m.domain, kMaxDomain);
    c.text(m.id, kMaxStsId);
    c.i64(m.fetched);
    c.i64(m.expires);
    c.choice(m.policy.mode, StsMode::kEnforce);
    c.texts(m.policy.hosts, kMaxStsHosts, kMaxDomain);
  }
};

// The id of the one record that is of version STSv1; nothing: there is none, or more than one (RFC 8461 3.1).
std::optional<std::string> parse_sts_texts(const std::vector<std::string>& texts);

struct StsText {
  StsPolicy policy;
  int64_t max_age = 0;
};
// RFC 8461 3.2. An error says what is missing.
mailkeep::Result<StsText> parse_sts_policy(std::string_view body);

class StsBook {
 public:
  struct Calls {
    std::function<void(const std::string& domain)> recall;  // answered by recalled()
    std::function<void(const std::string& domain)> look;    // by looked()
    std::function<void(const std::string& domain)> fetch;   // by fetched()
    std::function<void(const StsRecord&)> keep;
    std::function<void(const std::string& domain)> known;  // whoever waits for it may go on
  };
  explicit StsBook(Calls calls) : calls_(std::move(calls)) {}

  // True: policy() says what is known. False: known() follows, from a later call.
  bool ready(const std::string& domain, int64_t now);
  const StsPolicy* policy(const std::string& domain, int64_t now) const;  // nullptr: none that holds
  // Another when that is another; empty: none that holds.
  std::string identity(const std::string& domain, int64_t now) const;
  std::string describe(const std::string& domain, int64_t now) const;

  void recalled(const std::string& domain, std::optional<StsRecord> record, int64_t now);
  // `failed`: nobody knows.
  void looked(const std::string& domain, bool failed, const std::vector<std::string>& texts, int64_t now);
  void fetched(const std::string& domain, const mailkeep::Result<std::string>& body, int64_t now);
  // Looks after those that nobody sends to just now; call it now and then.
  void refresh(int64_t now);
  size_t size() const { return entries_.size(); }

 private:
  enum class Phase : uint8_t { kIdle, kRecall, kLook, kFetch };
  struct Entry {
    std::optional<StsRecord> record;
    Phase phase = Phase::kIdle;
    bool recalled = false;
    int64_t looked = 0;
    int64_t fetch_after = 0;
    std::string id;       // of the look under way
    std::string problem;  // of the last look or fetch
  };
  void look(const std::string& domain, Entry& e);
  void done(const std::string& domain, Entry& e);
  bool is_due(const Entry& e, int64_t now) const;
  void make_room();

  Calls calls_;
  std::unordered_map<std::string, Entry> entries_;
};

}  // namespace mailkeep::relay
