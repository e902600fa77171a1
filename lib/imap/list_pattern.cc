// Mailbox patterns. Pure; runs in `user`; trusts nothing.
// SPDX-License-Identifier: ISC
#include "lib/imap/list_pattern.h"

#include <string>

#include "lib/base/text.h"

namespace mailkeep::imap {
namespace {

constexpr char kSeparator = '/';

// One step of the set of positions in `pattern` that are reachable, so that no pattern backtracks.
class Matcher {
 public:
  explicit Matcher(std::string_view pattern) : pattern_(pattern), here_(pattern.size() + 1, 0) {
    here_[0] = 1;
    pass_wildcards();
  }

  void step(char c) {
    std::string next(here_.size(), 0);
    for (size_t i = 0; i < pattern_.size(); ++i) {
      if (here_[i] == 0) continue;
      if (pattern_[i] == '*' || (pattern_[i] == '%' && c != kSeparator)) next[i] = 1;
      else if (pattern_[i] == c) next[i + 1] = 1;
    }
    here_ = std::move(next);
    pass_wildcards();
  }

  bool matched() const { return here_.back() != 0; }

 private:
  // A wildcard may stand for nothing.
  void pass_wildcards() {
    for (size_t i = 0; i < pattern_.size(); ++i)
      if (here_[i] != 0 && (pattern_[i] == '*' || pattern_[i] == '%')) here_[i + 1] = 1;
  }

  std::string_view pattern_;
  std::string here_;  // 1 where reachable
};

bool matches_exactly(std::string_view pattern, std::string_view name) {
  Matcher matcher(pattern);
  for (char c : name) matcher.step(c);
  return matcher.matched();
}

}  // namespace

bool matches_pattern(std::string_view pattern, std::string_view name) {
  if (equals_nocase(name, "INBOX")) return matches_exactly(upper(pattern), "INBOX");
  if (starts_with_nocase(pattern, "INBOX/") && name.starts_with("INBOX/"))
    return matches_exactly("INBOX" + std::string(pattern.substr(5)), name);
  return matches_exactly(pattern, name);
}

}  // namespace mailkeep::imap
