// Content-Type, Content-Disposition and their parameters (RFC 2045 5.1, RFC 2183, RFC 2231). Tolerant. Pure.
// SPDX-License-Identifier: ISC
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace mailkeep::mime {

constexpr size_t kMaxParams = 100;

// RFC 2231 continuations are joined. Where a charset is given, the name ends in "*" and the value is
// charset'language'percent-encoded, as IMAP shows it; param_text() gives the text.
struct Param {
  std::string name;  // lower case
  std::string value;
  bool operator==(const Param&) const = default;
};

struct Parameterized {
  std::string value;  // what stands before the first ";", lower case, comments gone: "text/plain", "attachment"
  std::vector<Param> params;
};

// `text` is a field's value, folded or not.
Parameterized parse_parameterized(std::string_view text);

// The value of `name`, or of `name*` decoded; in UTF-8, encoded-words decoded too (RFC 2047 5 forbids them there, mail
// programs write them). Empty when there is none.
std::string param_text(const std::vector<Param>& params, std::string_view name);
// The value as it stands, or nullptr.
const std::string* find_param(const std::vector<Param>& params, std::string_view name);

}  // namespace mailkeep::mime
