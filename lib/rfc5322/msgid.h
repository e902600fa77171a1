// Message ids of Message-ID, In-Reply-To and References (RFC 5322 3.6.4, obsolete forms 4.5.4). Pure.
// SPDX-License-Identifier: ISC
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace mailkeep::rfc5322 {

constexpr size_t kMaxMessageIds = 1000;

// The ids in `text` in order, without brackets, white space and quoting as RFC 5256 compares them; what is not in
// angle brackets is skipped (RFC 5322 lets old References hold phrases). The last `max` are kept.
std::vector<std::string> parse_message_ids(std::string_view text, size_t max = kMaxMessageIds);

}  // namespace mailkeep::rfc5322
