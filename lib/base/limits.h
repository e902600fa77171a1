// The limits that more than one folder shares, each with where it comes from. A limit that one parser
// alone needs stands beside that parser.
// SPDX-License-Identifier: ISC
#pragma once

#include <cstddef>
#include <cstdint>

namespace mailkeep {

constexpr size_t kMaxLocalPart = 64;     // RFC 5321 4.5.3.1.1
constexpr size_t kMaxDomain = 255;       // RFC 5321 4.5.3.1.2
constexpr size_t kMaxPath = 256;         // RFC 5321 4.5.3.1.3, with its angle brackets
constexpr size_t kMaxAddress = 320;      // local-part "@" domain; what a path without brackets may reach in a table
constexpr size_t kMaxAccount = 128;      // a login; also a directory name in the store
constexpr size_t kMaxPassword = 1024;    // RFC 4616 sets none; crypt(3) takes 511
constexpr size_t kMaxRecipients = 1000;  // a transaction; RFC 5321 4.5.3.1.8 asks for at least 100
constexpr size_t kMaxReplyText = 480;    // RFC 5321 4.5.3.1.5: 512 with code and CRLF
constexpr size_t kMaxHostname = 255;
constexpr size_t kMaxTag = 64;  // a name in the configuration: listener, pki, table, action

// Messages up to this size live in the queue's database and travel in a memory file; larger ones are
// a file in the spool. DESIGN section 4.
constexpr uint64_t kSmallMessage = 64 * 1024;

}  // namespace mailkeep
