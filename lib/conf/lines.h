// Files of tables, line by line, with LF or CRLF: what is only white space or begins with '#' is passed over. Of what
// is wrong on a line the place is told as everywhere, "file:line:column: found X, expected Y".
// SPDX-License-Identifier: ISC
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "lib/base/result.h"
#include "lib/base/text.h"
#include "lib/conf/config.h"

namespace mailkeep::conf {

struct Line {
  const std::string& file;
  uint32_t number = 0;    // from 1
  uint32_t column = 0;    // of the first byte of `text`, from 1
  std::string_view text;  // trimmed, never empty

  // `at`: a part of `text`; one that is nowhere stands for its end.
  Error error(std::string_view at, const std::string& found, const std::string& expected) const {
    const size_t offset = at.data() == nullptr ? text.size() : static_cast<size_t>(at.data() - text.data());
    return Error(to_string({file, number, column + static_cast<uint32_t>(offset)}) + ": found " + found +
                 ", expected " + expected);
  }
  // The same of what is shown as it stands there.
  Error error(std::string_view at, const std::string& expected) const {
    return error(at, "'" + printable(at, 60) + "'", expected);
  }
};

// Calls each(Line) for each line until it gives an error, which is then the answer.
template <class Each>
Status each_line(std::string_view text, const std::string& file, Each each) {
  uint32_t number = 0;
  for (const std::string_view whole : split(text, '\n')) {
    ++number;
    const std::string_view line = trim(whole.substr(0, whole.size() - (whole.ends_with('\r') ? 1 : 0)));
    if (line.empty() || line[0] == '#') continue;
    if (auto status = each(Line{file, number, static_cast<uint32_t>(line.data() - whole.data() + 1), line}); !status)
      return status;
  }
  return {};
}

}  // namespace mailkeep::conf
