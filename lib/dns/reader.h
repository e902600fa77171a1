// Reads a DNS message (RFC 1035 4.1) for the records that answer one question. Pure, and bounded by what follows; the
// bytes come from libunbound, which has them from the network.
// SPDX-License-Identifier: ISC
#pragma once

#include "lib/dns/answer.h"

namespace mailkeep::dns {

constexpr size_t kMaxRecords = 256;         // of the asked type that are kept; RRsets beyond are cut
constexpr size_t kMaxAnswerRecords = 4096;  // that are looked at
constexpr size_t kMaxAliases = 16;          // CNAMEs in a row
constexpr size_t kMaxTlsaData = 1024;       // bytes of a certificate or key; larger records are left out
constexpr size_t kMaxTextBytes = 64 * 1024;

// The answer in `message` to a question for `type`; `secure` is left false. Error: it cannot be read.
Result<Answer> read_answer(std::string_view message, Type type);

}  // namespace mailkeep::dns
