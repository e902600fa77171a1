// SPDX-License-Identifier: ISC
#include "lib/store/names.h"

#include <algorithm>

#include "lib/base/text.h"
#include "lib/store/types.h"

namespace mailkeep::store {

namespace {

// RFC 3629, without surrogates and overlong forms.
bool is_utf8(std::string_view text) {
  for (size_t i = 0; i < text.size();) {
    const auto lead = static_cast<unsigned char>(text[i]);
    const size_t more = lead < 0x80                   ? 0
                        : lead >= 0xc2 && lead < 0xe0 ? 1
                        : (lead & 0xf0) == 0xe0       ? 2
                        : lead >= 0xf0 && lead < 0xf5 ? 3
                                                      : 9;
    if (more == 9 || i + more >= text.size()) return false;
    uint32_t point = more == 0 ? lead : lead & (0x3fU >> more);
    for (size_t k = 1; k <= more; ++k) {
      const auto next = static_cast<unsigned char>(text[i + k]);
      if ((next & 0xc0) != 0x80) return false;
      point = point << 6 | (next & 0x3fU);
    }
    if (more == 2 && (point < 0x800 || (point >= 0xd800 && point < 0xe000))) return false;
    if (more == 3 && (point < 0x10000 || point > 0x10ffff)) return false;
    i += more + 1;
  }
  return true;
}

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

}  // namespace

Result<std::string> canonical_name(std::string_view name) {
  if (name.empty() || name.size() > kMaxMailboxName) return Error("mailbox name is empty or too long", EINVAL);
  if (!is_utf8(name) || std::any_of(name.begin(), name.end(), is_control)) {
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
