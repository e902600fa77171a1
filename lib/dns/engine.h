// One libunbound context on our loop. The only file, with event_base.h, that knows libunbound.
//
// It asks the servers it is given, validates with the trust anchors it is given, and keeps its own bounded caches.
// Opens no file. A question that nobody answers ends by itself after some retries.
// SPDX-License-Identifier: ISC
#pragma once

#include <map>
#include <memory>

#include "lib/dns/answer.h"
#include "lib/dns/event_base.h"
#include "lib/dns/system.h"

struct ub_ctx;

namespace mailkeep::dns {

constexpr size_t kMaxTrustAnchors = 64;

struct EngineSettings {
  std::vector<Server> servers;                // empty: from the root servers down
  std::string trust_anchors;                  // DS or DNSKEY records, one a line; empty: nothing is validated
  std::vector<std::string> insecure_domains;  // not validated, with all below them
  bool operator==(const EngineSettings&) const;
};

class Engine {
 public:
  // `bogus`: signatures that are wrong or missing. Called from within libunbound: it must not end the engine.
  using Answered = std::function<void(uint64_t id, Answer&& answer, bool bogus)>;
  // Error: settings that libunbound does not take, named.
  static Result<std::unique_ptr<Engine>> create(event::Loop& loop, const EngineSettings& settings, Answered answered);
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  // `answered` may be called before this returns. Questions still under way when the engine ends are not answered.
  void ask(uint64_t id, const std::string& name, Type type);
  size_t running() const { return questions_.size(); }

 private:
  struct Question {
    Engine& engine;
    uint64_t id;
    Type type;
  };
  Engine(event::Loop& loop, Answered answered);
  Status configure(const EngineSettings& settings);
  static void on_answer(void* question, int rcode, void* packet, int size, int security, char* why, int limited);

  EventBase base_;
  ub_ctx* ctx_ = nullptr;
  Answered answered_;
  bool is_ending_ = false;
  std::map<uint64_t, std::unique_ptr<Question>> questions_;
};

}  // namespace mailkeep::dns
