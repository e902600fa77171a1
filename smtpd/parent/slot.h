// What the parent keeps of a worker, and of a reload that is under way. For the .cc files of parent.h alone.
// SPDX-License-Identifier: ISC
#pragma once

#include <vector>

#include "smtpd/parent/parent.h"

namespace mailkeep::parent {

struct Parent::Slot {
  Slot(event::Loop& loop, std::function<void()> again) : restart(loop, std::move(again)) {}
  imsg::PeerId id;
  pid_t pid = -1;
  std::unique_ptr<imsg::Channel> channel;
  bool ready = false;
  bool retiring = false;  // no longer configured
  Micros started{0};
  int64_t started_unix = 0;
  Micros backoff{0};
  uint32_t restarts = 0;
  std::map<imsg::Role, std::vector<Micros>> accusations;  // when, by the role accused
  event::Timer restart;
};

struct Parent::Reloading {
  Reloading(event::Loop& loop, std::function<void()> late) : limit(loop, std::move(late)) {}
  std::unique_ptr<Generation> next;
  std::map<Key, bool> answered;
  std::optional<uint32_t> query;
  event::Timer limit;
};

template <class M>
bool Parent::tell(imsg::PeerId peer, const M& m) {
  Slot* slot = find(peer);
  if (slot == nullptr || !slot->ready || !slot->channel) return false;
  slot->channel->send(m);
  return true;
}

}  // namespace mailkeep::parent
