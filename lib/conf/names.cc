// What names may look like: domains, paths, interfaces; and addresses that are rewritten.
// SPDX-License-Identifier: ISC
#include "lib/conf/names.h"

#include <limits.h>
#include <net/if.h>

#include <algorithm>

#include "lib/base/limits.h"
#include "lib/base/text.h"

namespace mailkeep::conf {
namespace {

constexpr size_t kMaxLabel = 63;  // RFC 1035 2.3.4

bool is_label(std::string_view label) {
  if (label.empty() || label.size() > kMaxLabel || label.front() == '-' || label.back() == '-') return false;
  return std::all_of(label.begin(), label.end(),
                     [](char c) { return is_alnum(c) || c == '-' || c == '_' || static_cast<unsigned char>(c) > 127; });
}

}  // namespace

bool is_domain(std::string_view text) {
  if (text.size() > kMaxDomain) return false;
  const auto labels = split(text, '.');
  return std::all_of(labels.begin(), labels.end(), is_label);
}

bool is_rewriting(std::string_view text) {
  const size_t at = text.rfind('@');
  return at <= kMaxLocalPart && is_domain(text.substr(at + 1));
}

bool is_absolute_path(std::string_view text) {
  if (text.empty() || text[0] != '/' || text.size() >= PATH_MAX) return false;
  if (std::any_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < ' ' || c == '\x7f'; }))
    return false;
  const auto parts = split(text, '/');
  return std::find(parts.begin(), parts.end(), "..") == parts.end();
}

bool is_interface(std::string_view text) {
  if (text.empty() || text.size() >= IFNAMSIZ || text == "." || text == "..") return false;
  if (text.find_first_not_of("0123456789.") == text.npos) return false;
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return is_alnum(c) || c == '-' || c == '_' || c == '.' || c == '@'; });
}

}  // namespace mailkeep::conf
