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

  void step(char c, bool in_any_case) {
    std::string next(here_.size(), 0);
    for (size_t i = 0; i < pattern_.size(); ++i) {
      if (here_[i] == 0) continue;
      if (pattern_[i] == '*' || (pattern_[i] == '%' && c != kSeparator))
        next[i] = 1;
      else if (pattern_[i] == c || (in_any_case && to_lower(pattern_[i]) == to_lower(c)))
        next[i + 1] = 1;
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

}  // namespace

bool matches_pattern(std::string_view pattern, std::string_view name) {
  constexpr std::string_view kInbox = "INBOX";
  const bool has_inbox = equals_nocase(name.substr(0, name.find(kSeparator)), kInbox);
  Matcher matcher(pattern);
  for (size_t i = 0; i < name.size(); ++i) matcher.step(name[i], has_inbox && i < kInbox.size());
  return matcher.matched();
}

}  // namespace mailkeep::imap
