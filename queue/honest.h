// What no honest process would say to the queue: a message that decodes, and yet can only come from one that has been
// taken over. Such a process is ended; nothing of what it said is done. Process: queue.
// SPDX-License-Identifier: ISC
#pragma once

#include <string_view>

#include "queue/messages.h"

namespace mailkeep::queue {

// What is wrong; empty: nothing that can be seen here. Addresses are parsed before they are sent, so none has a byte
// that could break a header field, a command or a line of the log.
std::string_view lie_in(const Enqueue& enqueue);
std::string_view lie_in(const Refusal& refusal);
// `asked`: how many recipients the Route had.
std::string_view lie_in(const Routed& routed, size_t asked);

std::string_view lie_in(const Forwarded& forwarded);

// The same of a report that relay made, which is mail of our own.
std::string_view lie_in_report(const Enqueue& enqueue);

}  // namespace mailkeep::queue
