// A configuration's text and its errors, for the tests of lib/conf.
// SPDX-License-Identifier: ISC
#pragma once

#include "lib/conf/parse.h"

#include <map>

#include "regress/unit/unit.h"

using namespace mailkeep;
using namespace mailkeep::conf;

inline const std::map<std::string, std::string> kFiles = {
    {"/etc/more", "domain other.test\nlisten on nowhere/ smtp\n"},
    {"/etc/good", "domain other.test\n"},
    {"/etc/self", "include \"self\"\n"},
};

inline Result<std::string> read_test(const std::string& path) {
  const auto it = kFiles.find(path);
  if (it == kFiles.end()) return Error("no such file");
  return it->second;
}

inline Result<Config> parse(std::string_view text) { return parse_text(text, "/etc/c", read_test); }

// The errors of `text`, or "" if it parses.
inline std::string errors_of(std::string_view text) {
  const auto config = parse(text);
  return config ? "" : config.error().text;
}

inline const std::string kBase = "auth system\naction in deliver\n";  // two lines
