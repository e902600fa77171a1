// LIST and LSUB (RFC 3501 6.3.8, 6.3.9) with CHILDREN (RFC 3348), SPECIAL-USE (RFC 6154) and what of RFC 5258's syntax
// that needs. Run by `user`.
// SPDX-License-Identifier: ISC
#include <algorithm>
#include <map>

#include "imapd/session/session.h"
#include "imapd/session/special_use.h"
#include "lib/imap/list_pattern.h"
#include "lib/imap/writer.h"
#include "lib/text/mailbox_name.h"

namespace mailkeep::imapd {
namespace {

// Patterns are matched against names as they are sent. A stored name has always a sent form.
std::string encoded(const std::string& name) { return text::mailbox_name_from_utf8(name).value_or(std::string()); }

bool matches_any(const std::vector<std::string>& patterns, std::string_view name) {
  return std::any_of(patterns.begin(), patterns.end(),
                     [name](const std::string& p) { return imap::matches_pattern(p, name); });
}

std::string response(std::string_view kind, const std::string& attributes, std::string_view name) {
  std::string out(kind);
  out += " (" + attributes + ") \"/\" ";
  imap::write_astring(out, name);
  return out;
}

void add(std::string& attributes, std::string_view attribute) {
  if (attribute.empty()) return;
  if (!attributes.empty()) attributes += ' ';
  attributes += attribute;
}

std::string attributes_of(const store::Store& store, const store::Mailbox& box, bool subscription) {
  std::string out;
  if (!box.is_selectable) add(out, "\\Noselect");
  add(out, store.has_children(box) ? "\\HasChildren" : "\\HasNoChildren");
  add(out, special_use_attribute(box.role));
  if (subscription && store.is_subscribed(box.name)) add(out, "\\Subscribed");
  return out;
}

}  // namespace

void Session::on(imap::List command) {
  if (command.recursive_match) return no("[CANNOT] RECURSIVEMATCH is not supported");
  if (!command.extended && command.patterns[0].empty()) {  // 6.3.8: asks for the separator
    line("LIST (\\Noselect) \"/\" \"\"");
    return ok("Done");
  }
  std::vector<std::string> patterns;
  for (const std::string& pattern : command.patterns) patterns.push_back(command.reference + pattern);
  const bool subscription = command.return_subscribed || command.select_subscribed;
  for (const store::Mailbox* box : store_.mailboxes()) {
    if (command.select_subscribed && !store_.is_subscribed(box->name)) continue;
    if (command.select_special_use && box->role == store::Role::none) continue;
    const std::string name = encoded(box->name);
    if (matches_any(patterns, name)) line(response("LIST", attributes_of(store_, *box, subscription), name));
  }
  if (command.select_subscribed && !command.select_special_use)
    for (const std::string& name : store_.subscriptions())  // RFC 5258 3.1: also names that do not exist
      if (store_.find_mailbox(name) == nullptr && matches_any(patterns, encoded(name)))
        line(response("LIST", "\\Subscribed \\NonExistent", encoded(name)));
  ok("Done");
}

void Session::on(imap::Lsub command) {
  const std::string pattern = command.reference + command.pattern;
  // With a trailing "%", a parent of a subscribed name that does not match is shown instead of it, as \Noselect
  // (6.3.9).
  std::map<std::string, bool> shown;  // name as sent: is subscribed
  for (const std::string& subscribed : store_.subscriptions()) {
    const std::string name = encoded(subscribed);
    const bool matches = imap::matches_pattern(pattern, name);
    if (matches) shown[name] = true;
    if (matches || !pattern.ends_with('%')) continue;
    for (size_t slash = name.rfind('/'); slash != std::string::npos && slash > 0; slash = name.rfind('/', slash - 1)) {
      const std::string parent = name.substr(0, slash);
      if (imap::matches_pattern(pattern, parent)) shown.try_emplace(parent, false);
    }
  }
  for (const auto& [name, is_subscribed] : shown) line(response("LSUB", is_subscribed ? "" : "\\Noselect", name));
  ok("Done");
}

}  // namespace mailkeep::imapd
