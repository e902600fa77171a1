// Whether an envelope is among those that a command is about. Pure, but for the subject, which is read only when all else
// fits. Process: queue.
// SPDX-License-Identifier: ISC
#pragma once

#include <functional>

#include "queue/envelope.h"
#include "queue/needle.h"

namespace mailkeep::queue {

// No condition and no `all`: perhaps a mistake.
bool is_empty(const Selection& selection);
// What is in the records of all that it matches.
Wanted wanted_of(const Selection& selection);
// What can be said by the envelope alone, before its message is read.
bool may_match(const Selection& selection, const Envelope& envelope);
// `state` as it is shown; `subject` gives it decoded, or nothing when the message cannot be read.
bool matches(const Selection& selection, const Envelope& envelope, const Message& message, std::string_view state,
             const std::function<std::string()>& subject);

// The Subject of a message, unfolded and decoded; `head` is as much of it as the caller has.
std::string subject_of(std::string_view head);
// Its Message-ID, trimmed and cut to kMaxMessageId bytes of printable ASCII.
std::string message_id_of(std::string_view head);

}  // namespace mailkeep::queue
