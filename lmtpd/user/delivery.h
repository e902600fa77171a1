// Deliveries into this account's INBOX, or its mailbox for junk: reads the message that the queue passes, puts
// Return-Path and Delivered-To before it, appends it to the store. RFC 5321 4.4 (Return-Path). Exactly once: the store
// knows delivery ids.
// SPDX-License-Identifier: ISC
#pragma once

#include <string>
#include <variant>

#include "lib/store/store.h"
#include "lmtpd/user/messages.h"
#include "queue/messages.h"

namespace mailkeep::user {

// Stored with its sequence number, or Rejected with the reason: 5.2.3 too large, 4.3.1 disk full, 4.3.0 the rest.
using Outcome = std::variant<queue::Stored, queue::Rejected>;

// As much of the message's start as `most` bytes are.
Result<std::string> read_head(const Deliver& m, size_t most);

// The message with its two fields, CRLF; EFBIG: too large.
Result<std::string> read_message(const Deliver& m, uint64_t max_size);

// Does not flush: call Store::flush() before Stored is sent.
Outcome deliver(store::Store& store, const Deliver& m, uint64_t max_size);

// The same answer for a flush that failed after deliver().
queue::Rejected rejection(const queue::EnvelopeId& envelope, const Error& error);

}  // namespace mailkeep::user
