// The queue's role object, whole, among pretended peers: for tests of what it does as one.
// SPDX-License-Identifier: ISC
#pragma once

#include "queue/content.h"
#include "queue/queue.h"
#include "regress/unit/hostile.h"
#include "regress/unit/spool_fixture.h"

namespace mailkeep::queue {

using imsg::Role;

constexpr imsg::PeerId kSmtpd{Role::kSmtpd, 0}, kLookup{Role::kLookup, 0}, kRelay{Role::kRelay, 0},
    kControl{Role::kControl, 0};

struct House : hostile::Peerage {
  explicit House(
      const queue::SpoolDirectory& directory,
      const std::function<void(queue::Config&)>& change = [](queue::Config&) {}) {
    become_parent();
    role = std::make_unique<queue::Queue>(loop, directory.open());
    peers = std::make_unique<worker::Worker<queue::Queue>>(loop, *role, queue::Queue::routes());
    role->set_peers(peers.get());
    queue::Config config;
    config.generation = 1;
    config.hostname = "mx.mk.test";
    config.lifetime = 100000;
    config.relays = {{"out", false}, {"other", true}};
    config.postmaster = "postmaster@mk.test";
    config.bounce_size = 10000;
    change(config);
    tell_parent(config);
    commit(1);
    wire(kLookup);
    wire(kControl);
  }
  queue::QueueSelected ask(QueueVerb verb, const queue::Selection& selection, bool dry_run = false,
                           const std::string& action = "") {
    queue::SelectQueue q;
    q.verb = verb;
    q.selection = selection;
    q.dry_run = dry_run;
    q.action = action;
    queue::QueueSelected sum;
    do {
      const auto before = heard_of(kControl, queue::QueueSelected::kType);
      tell(kControl, q);
      turns(8);
      // One that finds nothing in its slice goes on by itself for a while.
      for (int n = 0; n < 1000 && heard_of(kControl, queue::QueueSelected::kType) == before; ++n) turns(1);
      const auto part = last<queue::QueueSelected>(kControl);
      sum.total = part.total;
      sum.matched += part.matched;
      sum.changed += part.changed;
      sum.busy += part.busy;
      sum.error = part.error;
      sum.items.insert(sum.items.end(), part.items.begin(), part.items.end());
      q.after = part.next;
      ++parts;
    } while (!q.after.empty());
    return sum;
  }
  std::string states() {
    std::string out;
    for (const auto& i : ask(QueueVerb::kList, {}).items) out += i.state + " ";
    return out;
  }
  int parts = 0;
  std::unique_ptr<queue::Queue> role;
  std::unique_ptr<worker::Worker<queue::Queue>> peers;
};

}  // namespace mailkeep::queue
