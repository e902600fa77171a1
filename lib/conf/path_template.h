// Paths of `maildir` and `mbox` actions: text with %{name} in it, put together for one delivery, as in OpenSMTPD. Pure.
//
//   path     = ( "/" / "~/" / "%{user.directory}/" ) *( text / format )
//   format   = "%{" name [ range ] [ ":" modifier *( "|" modifier ) ] "}"
//   name     = "user.username" / "user.directory" / "rcpt" / "rcpt.user" / "rcpt.domain" / "dest" / "dest.user" / "dest.domain" /
//              "sender" / "sender.user" / "sender.domain" / "mbox.from"
//   range    = "[" index "]" / "[" [ index ] ":" [ index ] "]"      ; bytes, from the end where negative, the second one excluded
//   modifier = "lowercase" / "uppercase" / "strip" / "raw"          ; strip: without the subaddress
//
// What comes from an address is never more than a part of one name: '/' and control characters become ':' always, what
// shells know and '%' unless `raw` says otherwise; a name that is then "", "." or ".." makes no path. "~" is
// user.directory, which has neither range nor modifier.
// SPDX-License-Identifier: ISC
#pragma once

#include <string>
#include <string_view>

#include "lib/base/result.h"

namespace mailkeep::conf {

constexpr size_t kMaxPathTemplate = 1024;

struct PathNames {
  std::string username;            // the account
  std::string directory;           // its home; empty: it has none
  std::string sender, rcpt, dest;  // addresses; dest: after aliases. Empty while it is not known
};

// "" or what is wrong with a template.
std::string check_path_template(std::string_view text);

Result<std::string> expand_path(std::string_view text, const PathNames& names);

// The leading components of a template that are the same for every message of an account; for a whole path without the
// last.
std::string_view fixed_part(std::string_view text, bool without_last);

// One name below a directory, made of what strangers write: not empty, neither "." nor "..", no '/', no control
// characters.
bool is_path_component(std::string_view text);

}  // namespace mailkeep::conf
