// libunbound's pluggable events on our loop: it brings no thread, no process and no loop of its own.
// SPDX-License-Identifier: ISC
#pragma once

#include <memory>

#include "lib/event/loop.h"

struct ub_event_base;

namespace mailkeep::dns {

struct FreeEventBase {
  void operator()(ub_event_base* base) const;
};
using EventBase = std::unique_ptr<ub_event_base, FreeEventBase>;

// Must outlive every context that was made with it.
EventBase make_event_base(event::Loop& loop);

}  // namespace mailkeep::dns
