// The messages whose envelopes are about to be handed over: read once from the spool, however many envelopes share one,
// and let go with the last of them. Process: queue. Local and Remote have one each.
// SPDX-License-Identifier: ISC
#pragma once

#include <unordered_map>

#include "lib/base/fd.h"
#include "queue/spool.h"

namespace mailkeep::queue {

class HeldMessages {
 public:
  struct Held {
    Message message;
    Fd content;  // open; a memory file, or the spool's own
    uint32_t users = 0;
  };

  // `contents`: so many are kept open for envelopes that only wait; others come from the database when they are needed.
  HeldMessages(Spool& spool, size_t contents) : spool_(spool), most_(contents) {}

  // A message that has just come, with its content open (it stays the caller's; -1: none is), if there is room for it.
  // `holds` says whether its envelope is a user of the message, here and below.
  void keep(const Message& message, int content, bool& holds);
  // With its content open. EBADMSG: it is damaged; other errors may pass. After an error release it.
  Result<const Held*> hold(uint64_t id, bool& holds);
  void release(uint64_t id, bool& holds);

 private:
  Status open_content(uint64_t id, Held& held);

  Spool& spool_;
  size_t most_;
  size_t contents_ = 0;  // that are open
  std::unordered_map<uint64_t, Held> held_;
};

}  // namespace mailkeep::queue
