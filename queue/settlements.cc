// Changes on their way to disk. See settlements.h.
// SPDX-License-Identifier: ISC
#include "queue/settlements.h"

namespace mailkeep::queue {

void Settlements::forget(const EnvelopeId& id) {
  std::erase(done_, id);
  std::erase_if(put_off_, [&](const Envelope& e) { return e.id == id; });
}

void Settlements::stage() {
  places_.clear();
  for (const EnvelopeId& id : done_) {
    Change change;
    change.removed.push_back(id);
    change.durable = durable_removal_;
    places_.push_back({spool_.stage(std::move(change)), id, true});
  }
  for (const Envelope& envelope : put_off_) {
    Change change;
    change.put.push_back(envelope);
    places_.push_back({spool_.stage(std::move(change)), envelope.id, false});
  }
}

std::vector<EnvelopeId> Settlements::committed(const std::vector<Status>& results) {
  std::vector<EnvelopeId> settled, done;
  std::vector<Envelope> put_off;
  size_t next_put_off = 0;
  for (const Place& place : places_) {
    const bool good = results[place.index].has_value();
    if (good) settled.push_back(place.id);
    if (!good && place.removal) done.push_back(place.id);
    if (!place.removal) {
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
