// lib/conf: whatever template is taken and whatever address comes, the path has the template's number of names, and
// begins as it does.
// SPDX-License-Identifier: ISC
#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include "lib/conf/path_template.h"

using namespace mailkeep;

static void must(bool holds) {
  if (!holds) abort();
}

static long slashes(std::string_view text) { return std::count(text.begin(), text.end(), '/'); }

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const size_t end = std::min(input.find('\n'), input.size());
  const std::string_view text = input.substr(0, end);
  const std::string address(input.substr(std::min(end + 1, input.size())));
  if (!conf::check_path_template(text).empty()) return 0;
  const conf::PathNames names = {"ann", "/home/ann", address, address, address};
  const auto path = conf::expand_path(text, names);
  if (!path) return 0;
  const bool has_home = text[0] == '~' || text.find("%{user.directory}") != text.npos;
  must(has_home || slashes(*path) == slashes(text));
  must(path->find("/../") == path->npos && path->find("//") == path->npos && path->find('\0') == path->npos);
  for (const bool without_last : {false, true}) {
    const auto fixed = conf::expand_path(conf::fixed_part(text, without_last), names);
    must(fixed && path->starts_with(*fixed) && (path->size() == fixed->size() || (*path)[fixed->size()] == '/'));
  }
  return 0;
}
