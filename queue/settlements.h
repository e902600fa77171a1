// What has become of envelopes and is not on disk yet: those that are done, and those that are put off. They go with
// the next commit, and what the disk refuses with the one after. Process: queue. Local and Remote have one each.
// SPDX-License-Identifier: ISC
#pragma once

#include "queue/spool.h"

namespace mailkeep::queue {

class Settlements {
 public:
  // `durable_removal`: nobody else would know of a message that comes back.
  Settlements(Spool& spool, bool durable_removal) : spool_(spool), durable_removal_(durable_removal) {}

  void remove(const EnvelopeId& id, Attempt last) { done_.push_back({id, std::move(last)}); }
  // `attempt`: how the last one went, if one was made.
  void put_off(Envelope envelope, std::optional<Attempt> attempt = {}) {
    put_off_.push_back({std::move(envelope), std::move(attempt)});
  }
  void forget(const EnvelopeId& id);
  bool empty() const { return done_.empty() && put_off_.empty(); }

  // The spool's commit, before and after: `results` are those of all changes that were staged. Gives the envelopes
  // whose change is on disk.
  void stage();
  std::vector<EnvelopeId> committed(const std::vector<Status>& results);

 private:
  struct Place {
    size_t index;
    EnvelopeId id;
    bool removal;
  };

  Spool& spool_;
  bool durable_removal_;
  struct PutOff {
    Envelope envelope;
    std::optional<Attempt> attempt;
  };

  std::vector<Ended> done_;
  std::vector<PutOff> put_off_;
  std::vector<Place> places_;
};

}  // namespace mailkeep::queue
