// The lookup process: answers smtpd and lmtpd at RCPT, and the queue before it commits, from one Ruleset.
//
// A generation of the configuration comes as messages, is built at Prepare and takes the old one's place at Commit;
// an answer is always that of one generation. Holds tables and names, no credential; sends no mail anywhere.
// relay and control ask where mail for a domain goes: the resolver works on the same loop, so nothing waits for it.
// SPDX-License-Identifier: ISC
#pragma once

#include <memory>
#include <optional>

#include "lib/worker/worker.h"
#include "queue/messages.h"
#include "smtpd/lookup/build.h"
#include "smtpd/lookup/dns.h"
#include "smtpd/lookup/expand.h"
#include "smtpd/lookup/hops.h"
#include "smtpd/lookup/names.h"

namespace mailkeep::lookup {

// The answer to the queue; without rules a temporary failure for each recipient. Where the sender is to be checked and
// is not the account's, every recipient fails for good.
queue::Routed answer_route(const Ruleset* rules, const Route& m);

// What a table has under a key, or some of it; the names of all.
TableShown show_table(const Ruleset& rules, const ShowTable& m);

// Confines the process to what the first configuration names; from main, so that a test may leave it out.
using Confine = Status (*)(const Draft& first, const std::vector<dns::Server>& servers);
Status enter_sandbox(const Draft& first, const std::vector<dns::Server>& servers);

class Lookup : public worker::Hooks {
 public:
  Lookup(event::Loop& loop, Confine confine);

  Status on_prepare(uint32_t generation) override;
  void on_commit(uint32_t generation) override;
  void on_abort(uint32_t generation) override;
  void on_peer_down(imsg::PeerId peer) override;
  std::vector<worker::Stat> stats() override;

 private:
  static imsg::Routes<Lookup> routes();

  void on_config(imsg::PeerId from, Config&& m);
  void on_table(imsg::PeerId from, Table&& m);
  void on_accounts(imsg::PeerId from, Accounts&& m);
  void on_action(imsg::PeerId from, Action&& m);
  void on_match(imsg::PeerId from, Match&& m);
  void on_filter(imsg::PeerId from, Filter&& m);
  void on_chain(imsg::PeerId from, Chain&& m);
  void on_dns(imsg::PeerId from, Dns&& m);
  void on_check_rcpt(imsg::PeerId from, CheckRcpt&& m);
  void on_check_phase(imsg::PeerId from, CheckPhase&& m);
  void on_check_sender(imsg::PeerId from, CheckSender&& m);
  void on_route(imsg::PeerId from, Route&& m);
  void on_find_hops(imsg::PeerId from, FindHops&& m);
  void on_find_texts(imsg::PeerId from, FindTexts&& m);
  void on_find_name(imsg::PeerId from, FindName&& m);
  void on_show_table(imsg::PeerId from, ShowTable&& m);

  Status prepare_resolver(const dns::Settings& settings);
  void commit_resolver();

  Draft draft_;
  std::optional<Ruleset> next_;
  std::optional<Ruleset> rules_;
  Confine confine_;  // nullptr once done
  event::Loop& loop_;
  Dns dns_draft_;
  std::optional<FinderConfig> next_finder_;
  std::unique_ptr<dns::Resolver> next_resolver_;  // none: the present one goes on
  std::unique_ptr<dns::Resolver> resolver_;
  std::vector<std::unique_ptr<dns::Resolver>> retired_;  // until what they were asked is answered
  event::Timer retire_;
  Finder finder_;
  NameFinder names_;
  uint64_t found_ = 0;
  uint64_t checked_ = 0, refused_ = 0, routed_ = 0, filtered_ = 0;
  worker::Worker<Lookup> worker_;
};

}  // namespace mailkeep::lookup
