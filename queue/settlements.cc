// Changes on their way to disk. See settlements.h.
// SPDX-License-Identifier: ISC
#include "queue/settlements.h"

namespace mailkeep::queue {

void Settlements::forget(const EnvelopeId& id) {
  std::erase_if(done_, [&](const Ended& e) { return e.id == id; });
  std::erase_if(put_off_, [&](const PutOff& p) { return p.envelope.id == id; });
}

void Settlements::stage() {
  places_.clear();
  for (const Ended& ended : done_) {
    Change change;
    change.ended.push_back(ended);
    change.durable = durable_removal_;
    places_.push_back({spool_.stage(std::move(change)), ended.id, true});
  }
  for (const PutOff& p : put_off_) {
    Change change;
    change.put.push_back(p.envelope);
    change.attempt = p.attempt;
    places_.push_back({spool_.stage(std::move(change)), p.envelope.id, false});
  }
}

std::vector<EnvelopeId> Settlements::committed(const std::vector<Status>& results) {
  std::vector<EnvelopeId> settled;
  std::vector<Ended> done;
  std::vector<PutOff> put_off;
  size_t next_done = 0, next_put_off = 0;
  for (const Place& place : places_) {
    const bool good = results[place.index].has_value();
    if (good) settled.push_back(place.id);
    if (place.removal) {
      if (!good) done.push_back(std::move(done_[next_done]));
      ++next_done;
    } else {
      if (!good) put_off.push_back(std::move(put_off_[next_put_off]));
      ++next_put_off;
    }
  }
  places_.clear();
  done_ = std::move(done);
  put_off_ = std::move(put_off);
  return settled;
}

}  // namespace mailkeep::queue
