// The scalar options of mailkeep.conf(5): one table; parser, defaults and manual page are made from it.
// SPDX-License-Identifier: ISC
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "lib/base/result.h"
#include "lib/conf/config.h"

namespace mailkeep::conf {

enum class OptionType : uint8_t {
  size,      // 512, 64K, 50M, 2G; `none` where the least value is 0
  count,     // a number
  duration,  // 30s, 5m, 1h30m, 4d, 1w
  text,      // a word or string
  path,      // an absolute path
  host,      // a domain name
  choice,    // one of the words in `choices`
};

using OptionMember = std::variant<uint64_t Options::*, Seconds Options::*, std::string Options::*>;

struct Option {
  std::string_view name;
  OptionType type;
  OptionMember member;
  uint64_t min;  // bytes, count, seconds or length
  uint64_t max;
  std::string_view initial;  // as one would write it; "" for a text that is empty unless set
  std::string_view choices;  // type choice: words between spaces
  std::string_view help;     // one or two sentences
};

std::span<const Option> all_options();
const Option* find_option(std::string_view name);

// What a value of that option looks like: "a size from 1K to 2G".
std::string expected_value(const Option& option);
// Bytes: 1*DIGIT [ "K" / "M" / "G" / "T" ], in either case.
std::optional<uint64_t> parse_size(std::string_view text);
// Seconds: 1*( 1*DIGIT unit ), the units from long to short: 1d12h.
std::optional<uint64_t> parse_duration(std::string_view text);
// Reads `text` as a value of the option into `out`; false if it is none, or out of range.
[[nodiscard]] bool set_option(Options& out, const Option& option, std::string_view text);
// All options at their initial values.
Options initial_options();

}  // namespace mailkeep::conf
