// SPDX-License-Identifier: ISC
#include "lib/store/names.h"

#include <algorithm>

#include "lib/base/text.h"
#include "lib/store/types.h"
#include "lib/text/utf8.h"

namespace mailkeep::store {

namespace {

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

}  // namespace

Result<std::string> canonical_name(std::string_view name) {
  if (name.empty() || name.size() > kMaxMailboxName) return Error("mailbox name is empty or too long", EINVAL);
  if (!text::is_utf8(name) || std::any_of(name.begin(), name.end(), is_control)) {
    return Error("mailbox name is not clean UTF-8", EINVAL);
  }
  const auto levels = split(name, '/');
  if (levels.size() > kMaxMailboxDepth) return Error("mailbox name has too many levels", EINVAL);
  for (std::string_view level : levels) {
    if (level.empty()) return Error("mailbox name has an empty level", EINVAL);
  }
  std::string made(name);
  if (equals_nocase(levels.front(), "INBOX")) made.replace(0, 5, "INBOX");
  return made;
}

bool is_keyword(std::string_view name) {
  if (name.empty() || name.size() > kMaxKeywordLength) return false;
  return std::all_of(name.begin(), name.end(), [](char c) {
    return c > 0x20 && c < 0x7f && std::string_view("(){%*\"\\]").find(c) == std::string_view::npos;
  });
}

bool is_child_of(std::string_view name, std::string_view parent) {
  return name.size() > parent.size() + 1 && name.starts_with(parent) && name[parent.size()] == '/';
}

}  // namespace mailkeep::store
