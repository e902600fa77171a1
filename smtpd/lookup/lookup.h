// The lookup process: answers smtpd and lmtpd at RCPT, and the queue before it commits, from one Ruleset.
//
// A generation of the configuration comes as messages, is built at Prepare and takes the old one's place at Commit;
// an answer is always that of one generation. Holds tables and names, no credential; sends no mail anywhere.
// SPDX-License-Identifier: ISC
#pragma once

#include <memory>
#include <optional>

#include "lib/worker/worker.h"
#include "queue/messages.h"
#include "smtpd/lookup/build.h"
#include "smtpd/lookup/expand.h"

namespace mailkeep::lookup {

// The answer to the queue; without rules a temporary failure for each recipient. Where the sender is to be checked and is not
// the account's, every recipient fails for good.
queue::Routed answer_route(const Ruleset* rules, const Route& m);

// Confines the process to what the first configuration names; from main, so that a test may leave it out.
using Confine = Status (*)(const Draft& first);
Status enter_sandbox(const Draft& first);

class Lookup : public worker::Hooks {
 public:
  Lookup(event::Loop& loop, Confine confine);

  Status on_prepare(uint32_t generation) override;
  void on_commit(uint32_t generation) override;
  void on_abort(uint32_t generation) override;
  std::vector<worker::Stat> stats() override;

 private:
  static imsg::Routes<Lookup> routes();

  void on_config(imsg::PeerId from, Config&& m);
  void on_table(imsg::PeerId from, Table&& m);
  void on_accounts(imsg::PeerId from, Accounts&& m);
  void on_action(imsg::PeerId from, Action&& m);
  void on_match(imsg::PeerId from, Match&& m);
  void on_check_rcpt(imsg::PeerId from, CheckRcpt&& m);
  void on_check_sender(imsg::PeerId from, CheckSender&& m);
  void on_route(imsg::PeerId from, Route&& m);

  Draft draft_;
  std::optional<Ruleset> next_;
  std::optional<Ruleset> rules_;
  Confine confine_;  // nullptr once done
  uint64_t checked_ = 0, refused_ = 0, routed_ = 0;
  worker::Worker<Lookup> worker_;
};

}  // namespace mailkeep::lookup
