// The Sender Rewriting Scheme: forwarded mail gets a sender at our own domain, or its receiver's SPF would refuse it;
// what comes back to that sender is sent on to the first one.
//
//   SRS0=HASH=DAY=domain=local@ours           of local@domain
//   SRS1=HASH=host==HASH=DAY=domain=local@ours   of SRS0=HASH=DAY=domain=local@host, and of another host's SRS1 of that
//   HASH  6 characters of base 32: 30 bits of an HMAC over the level and all behind it, by the first key; any of the keys is taken back
//   DAY   2 characters of base 32: days since 1970, modulo 1024
// Letter case counts for nothing in hash, day and domain: other hosts may have changed it. An address that would be too
// long is not rewritten. Pure. Process: lookup.
// SPDX-License-Identifier: ISC
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "lib/base/result.h"
#include "lib/smtp/address.h"

namespace mailkeep::srs {

constexpr size_t kHash = 6;
constexpr int64_t kDays = 1024;  // after which DAY begins anew
constexpr size_t kMaxKeys = 8;
constexpr size_t kMaxKey = 200;
constexpr int64_t kClockSlack = 1;  // days from the future that are taken

struct Settings {
  std::vector<std::string> keys;  // the first signs; empty: no SRS
  std::string domain;             // ours, lower case
  int64_t max_age = 0;            // days
  bool is_on() const { return !keys.empty(); }
};

// `now`: unix seconds. None: it would be too long.
std::optional<smtp::Mailbox> rewrite(const Settings& settings, const smtp::Mailbox& sender, int64_t now);

// Whether `address` is one of ours, good or bad.
bool is_rewritten(const Settings& settings, const smtp::Mailbox& address);
// Where it leads: an SRS1 to the SRS0 of another host. Error: a text for the client.
Result<smtp::Mailbox> reverse(const Settings& settings, const smtp::Mailbox& address, int64_t now);

}  // namespace mailkeep::srs
