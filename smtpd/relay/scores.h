// What became of mail, by provider and day: counted for `mailkeepctl report delivery`, and for the warm-up of new
// source addresses.
//
// Warm-up: from a source that is new, each provider gets so many recipients a day. With little put off the next day's
// number is twice as large; with much half as large; above kWarm the source is known. Days are of UTC. Pure; run by
// relay, kept by queue.
// SPDX-License-Identifier: ISC
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "lib/smtp/cause.h"
#include "smtpd/relay/messages.h"

namespace mailkeep::relay {

constexpr size_t kScoreDays = 8;       // today and the seven before
constexpr size_t kMaxScored = 200;     // providers
constexpr uint32_t kWarm = 100'000;    // recipients a day: no more limit
constexpr uint32_t kOthersFactor = 4;  // `others` are many: so many times the number
constexpr size_t kMaxSource = 200;     // of the addresses of an action, as one text
constexpr size_t kMaxWarmUps = 2000;   // sources times providers

constexpr int64_t day_of(int64_t now) { return now / 86400; }
constexpr int64_t next_day(int64_t now) { return (day_of(now) + 1) * 86400; }

struct DayScore {
  int64_t day = 0;
  Tally tally;
  uint64_t held = 0;
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.i64(m.day);
    c.part(m.tally);
    c.num(m.held);
  }
};

// As kept on disk, a note each.
struct KeptScore {
  std::string provider;
  std::vector<DayScore> days;  // newest last
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.text(m.provider, kMaxTag);
    c.list(m.days, kScoreDays);
  }
};

struct WarmUp {
  std::string source;  // the addresses of the action
  std::string provider;
  int64_t day = 0;  // which the numbers are of
  uint32_t cap = 0;
  uint32_t used = 0;  // recipients
  uint32_t deferred = 0;
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.text(m.source, kMaxSource);
    c.text(m.provider, kMaxTag);
    c.i64(m.day);
    c.num(m.cap);
    c.num(m.used);
    c.num(m.deferred);
  }
};

class Scores {
 public:
  void count(std::string_view provider, const Result& result, int64_t now);
  void hold(std::string_view provider, size_t recipients, int64_t now);
  std::vector<ProviderScore> report(int64_t now) const;

  // Recipients that may still go today; `first` is the action's number for the first day. UINT32_MAX: any number.
  uint32_t room(const std::string& source, std::string_view provider, uint32_t first, int64_t now);
  // Takes so many of it; a number below 0 gives them back.
  void use(const std::string& source, std::string_view provider, int64_t recipients);
  void put_off(const std::string& source, std::string_view provider, uint32_t recipients);
  std::string describe(const std::string& source, std::string_view provider) const;

  // What was kept before counts beside what has been counted since.
  void restore(KeptScore kept);
  void restore(WarmUp kept);
  // What has changed since the last call.
  std::vector<KeptScore> take_scores();
  std::vector<WarmUp> take_warm_ups();

 private:
  DayScore& today(std::string_view provider, int64_t now);
  WarmUp* warm_up(const std::string& source, std::string_view provider);
  std::map<std::string, std::vector<DayScore>, std::less<>> days_;  // newest last
  std::map<std::pair<std::string, std::string>, WarmUp> warm_ups_;
  std::set<std::string> changed_;  // providers
  std::set<std::pair<std::string, std::string>> changed_warm_ups_;
};

// The number of the day after one that ended like this.
uint32_t next_cap(const WarmUp& day, uint32_t first);

}  // namespace mailkeep::relay
