// mailkeep.conf(5): any text is a configuration whose names resolve, or errors with a place.
// SPDX-License-Identifier: ISC
#include <cstdlib>

#include "lib/base/text.h"
#include "lib/conf/parse.h"

using namespace mailkeep;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  // An include reads the text itself, so that its bounds are tried too.
  const auto config = conf::parse_text(text, "f", [&](const std::string&) -> Result<std::string> { return text; });
  if (!config) {
    for (const auto line : split(config.error().text, '\n')) {
      if (line.find(": found ") == line.npos || line.find(", expected ") == line.npos) std::abort();
    }
    return 0;
  }
  for (const auto& match : config->matches) {
    if (!match.reject && config->action(match.action) == nullptr) std::abort();
    if (!match.from.table.empty() && config->table(match.from.table) == nullptr) std::abort();
  }
  for (const auto& listener : config->listeners) {
    for (const auto& pki : listener.pki) {
      if (config->find_pki(pki) == nullptr) std::abort();
    }
  }
  (void)conf::check_supported(*config);
  return 0;
}
