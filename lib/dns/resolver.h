// The resolver: questions to a libunbound context within limits of time and number, names that only this machine knows,
// and the decision whether answers are validated.
//
//   Validation::kOn    everything is validated; what does not validate fails
//   Validation::kOff   nothing is; no answer is secure
//   Validation::kAuto  the first question waits for a look at the root zone: where the servers hand on its signatures,
//                      kOn from there for the life of this object; where they do not, kOff, looked at again later.
//
// SPDX-License-Identifier: ISC
#pragma once

#include <deque>
#include <map>
#include <memory>

#include "lib/dns/answer.h"
#include "lib/dns/engine.h"
#include "lib/dns/system.h"
#include "lib/event/loop.h"

namespace mailkeep::dns {

constexpr Seconds kQueryPatience{5};    // one query, from when it is sent
constexpr size_t kMaxRunning = 256;     // queries at once, those included that nobody waits for any more
constexpr size_t kMaxWaiting = 20'000;  // queries that wait for their turn
constexpr Seconds kLookAgain{3600};     // kAuto: after signatures were missing
constexpr Seconds kLookAgainSoon{60};   // kAuto: after the look failed otherwise

enum class Validation : uint8_t { kAuto, kOn, kOff };

struct Settings {
  EngineSettings engine;  // trust_anchors are used unless validation is kOff
  Validation validation = Validation::kAuto;
  std::string hosts;  // the text of hosts(5)
  size_t max_running = kMaxRunning;
  bool operator==(const Settings&) const = default;
};

// The root zone's keys of 2017 and 2024 (IANA), for systems without a file of them.
extern const std::string_view kRootAnchors;

class Resolver : public Source {
 public:
  struct Counts {
    uint64_t asked = 0;
    uint64_t failed = 0;
    uint64_t bogus = 0;
    uint64_t timed_out = 0;
  };
  // `validating` is told when kAuto has decided, and why.
  using Decided = std::function<void(bool validating, const std::string& why)>;
  static Result<std::unique_ptr<Resolver>> create(event::Loop& loop, const Settings& settings, Decided decided);

  void ask(const std::string& name, Type type, Callback done) override;
  const Settings& settings() const { return settings_; }
  const Counts& counts() const { return counts_; }
  bool is_idle() const { return questions_.empty(); }

 private:
  struct Question {
    std::string name;
    Type type = Type::kA;
    Callback done;
    bool sent = false;
    std::unique_ptr<event::Timer> patience;
  };
  Resolver(event::Loop& loop, const Settings& settings, Decided decided);
  Result<std::unique_ptr<Engine>> make_engine(bool validating);
  bool answer_local(const std::string& name, Type type, Answer& out) const;
  void send_waiting();
  void look();
  void decide(const Answer& answer, bool is_bogus);
  void on_answered(uint64_t id, Answer&& answer, bool bogus);
  void settle(uint64_t id, Answer&& answer);
  void deliver();

  event::Loop& loop_;
  Settings settings_;
  Decided decided_;
  std::map<std::string, std::vector<std::string>> hosts_;
  std::unique_ptr<Engine> engine_;   // answers questions
  std::unique_ptr<Engine> looking_;  // validating, while kAuto has not decided
  uint64_t look_id_ = 0;             // the question of that; 0: none under way
  Micros look_again_{0};
  bool is_decided_ = false;
  uint64_t last_id_ = 0;
  std::map<uint64_t, Question> questions_;
  std::deque<uint64_t> waiting_;
  std::vector<std::pair<uint64_t, Answer>> ready_;
  std::unique_ptr<std::pair<Answer, bool>> looked_;
  event::Timer deliver_;
  event::Timer look_patience_;
  Counts counts_;
};

}  // namespace mailkeep::dns
