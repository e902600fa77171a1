// The special-use attributes of RFC 6154 and the store's roles.
// SPDX-License-Identifier: ISC
#pragma once

#include <array>
#include <string_view>
#include <utility>

#include "lib/base/text.h"
#include "lib/store/types.h"

namespace mailkeep::imapd {

constexpr std::array<std::pair<std::string_view, store::Role>, 5> kSpecialUses = {{
    {"\\Drafts", store::Role::drafts},
    {"\\Sent", store::Role::sent},
    {"\\Junk", store::Role::junk},
    {"\\Trash", store::Role::trash},
    {"\\Archive", store::Role::archive},
}};

inline store::Role special_use_role(std::string_view attribute) {
  for (const auto& [name, role] : kSpecialUses)
    if (equals_nocase(name, attribute)) return role;
  return store::Role::none;
}
// Empty for none.
inline std::string_view special_use_attribute(store::Role role) {
  for (const auto& [name, known] : kSpecialUses)
    if (known == role) return name;
  return {};
}

}  // namespace mailkeep::imapd
