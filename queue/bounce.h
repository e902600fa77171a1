// Delivery status notifications: multipart/report (RFC 6522) with a text for people, a part for machines (RFC 3464,
// 3461; RFC 6533 in UTF-8), and the original or its header. Pure: who gets it and how it is queued is not decided here.
// Process: queue. Trusts nothing of the original: it is quoted in its own part, under a boundary that it does not
// contain.
// SPDX-License-Identifier: ISC
#pragma once

#include <string>
#include <vector>

#include "queue/envelope.h"

namespace mailkeep::queue {

// RFC 3464 2.3.3.
enum class Action : uint8_t { kFailed, kDelayed, kDelivered, kRelayed, kExpanded };

// What has become of one recipient.
struct Notice {
  std::string recipient;  // as routed
  std::string original;   // as given in RCPT
  std::string status;     // enhanced code, "5.1.1"
  std::string text;       // what was said
  std::string remote;     // the host that said it, "mx.example.net [192.0.2.1]:25"; empty: this one
  uint32_t attempts = 0;
  Action action = Action::kFailed;
  std::string orcpt = {};   // RFC 3461 4.2, as given
  int64_t retry_until = 0;  // kDelayed
};

struct BounceFacts {
  uint64_t id = 0;         // of the bounce
  std::string hostname;    // ours
  std::string postmaster;  // whom to ask
  int64_t now = 0;
  uint64_t max_original = 0;  // originals up to this size are returned whole, of larger ones the header
  std::string to = {};        // who is told, when it is not the sender
};

// Whether a failure of this message may be told to anyone: never of a bounce, or of mail with a null sender
// (RFC 5321 6.1).
bool may_bounce(const Message& message);

// Whether the recipient's NOTIFY (RFC 3461 4.1) wants to be told of that. Not said: of failures and delays.
bool wants(const RcptOptions& options, Action action);

// Whether the message came from a client that nothing is known of: the sender may be somebody else's address, and a
// report to it would be what spam is sent for.
bool is_from_stranger(const Message& message);

// Whether its reports are of RFC 6533: in UTF-8, to a sender whose client has said SMTPUTF8.
bool is_global(const Message& message);

// The whole message, CRLF lines, to message.sender, to be sent with a null sender.
// `original` is the body as far as the caller has it: at least the header (or its first kMaxBounceHeader bytes).
constexpr size_t kMaxBounceHeader = 64 * 1024;
std::string make_bounce(const BounceFacts& facts, const Message& message, const std::vector<Notice>& notices,
                        std::string_view original);

}  // namespace mailkeep::queue
