// Secret: a password that is overwritten with its last owner. Run by auth and pam.
// SPDX-License-Identifier: ISC
#pragma once

#include <string.h>

#include <string>
#include <utility>

namespace mailkeep::auth {

struct Secret {
  std::string text;
  explicit Secret(std::string t) : text(std::move(t)) {}
  Secret(const Secret&) = delete;
  Secret& operator=(const Secret&) = delete;
  ~Secret() { explicit_bzero(text.data(), text.size()); }
};

}  // namespace mailkeep::auth
