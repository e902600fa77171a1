// The two passes over mailkeep.conf(5), and the file they start from.
// SPDX-License-Identifier: ISC
#include "lib/conf/parse.h"

#include "lib/conf/parser.h"
#include "lib/conf/read.h"

namespace mailkeep::conf {

Result<Config> parse_text(std::string_view text, const std::string& name, const ReadFile& read) {
  Draft draft;
  draft.config.options = initial_options();
  Parser parser(draft, read);
  parser.parse(text, name, 0);
  if (draft.errors.empty()) resolve(draft);
  if (draft.errors.empty()) return std::move(draft.config);
  if (draft.errors.size() > kMaxErrors) draft.errors.resize(kMaxErrors);
  std::string all;
  for (const auto& error : draft.errors) all += (all.empty() ? "" : "\n") + error;
  return Error(all);
}

Result<Config> parse_file(const std::string& path) {
  const ReadFile read = [](const std::string& file) { return read_file(file, kMaxConfigFile); };
  const auto text = read(path);
  if (!text) return text.error();
  return parse_text(*text, path, read);
}

}  // namespace mailkeep::conf
