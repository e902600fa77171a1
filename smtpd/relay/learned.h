// Which domains have always spoken TLS with a certificate that holds: seen often and long enough, such a one is
// suggested for the administrator's list, or by option treated as if it stood there with `verify`. One session that was
// not verified, and it starts anew. Pure; run by relay, kept by queue.
// SPDX-License-Identifier: ISC
#pragma once

#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "lib/base/limits.h"

namespace mailkeep::relay {

constexpr uint32_t kLearnedSessions = 20;        // verified ones, in a row
constexpr int64_t kLearnedTime = 14 * 86400;     // seconds between the first and the last of them
constexpr int64_t kForgetLearned = 180 * 86400;  // without any
constexpr size_t kMaxLearned = 20000;            // domains in memory

struct Learned {
  std::string domain;
  int64_t first = 0;  // of the verified sessions in a row
  int64_t last = 0;
  uint32_t sessions = 0;
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.text(m.domain, kMaxDomain);
    c.i64(m.first);
    c.i64(m.last);
    c.num(m.sessions);
  }
};

class LearnedBook {
 public:
  void note(const std::string& domain, bool is_verified, int64_t now);
  void restore(Learned kept);
  // What was kept of it; nothing: that is known now.
  void recalled(const std::string& domain, std::optional<Learned> kept);
  bool knows(const std::string& domain) const { return entries_.contains(domain); }
  bool is_learned(const std::string& domain) const;
  std::string describe(const std::string& domain) const;
  std::vector<Learned> take_changed();

 private:
  void make_room();

  std::unordered_map<std::string, Learned> entries_;
  std::set<std::string> changed_;
};

}  // namespace mailkeep::relay
