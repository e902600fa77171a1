// LIST with RFC 5258's syntax, for the options that RFC 6154 (SPECIAL-USE) and RFC 3348 (CHILDREN) need:
//   list = "LIST" [SP list-select-opts] SP mailbox SP mbox-or-pat [SP "RETURN" SP "(" [return-option …] ")"]
// Pure; runs in `user`; trusts nothing.
// SPDX-License-Identifier: ISC
#include "lib/imap/command.h"

namespace mailkeep::imap {
namespace {

// list-select-opts
bool selection_options(Lexer& in, List& out) {
  if (!in.eat('(')) return false;
  if (in.eat(')')) return true;
  do {
    if (in.keyword("SUBSCRIBED"))
      out.select_subscribed = true;
    else if (in.keyword("RECURSIVEMATCH"))
      out.recursive_match = true;
    else if (in.keyword("SPECIAL-USE"))
      out.select_special_use = true;
    else if (in.keyword("REMOTE"))
      continue;  // there are no remote mailboxes to add
    else
      return in.fail("a selection option");
  } while (in.sp());
  if (!in.eat(')')) return false;
  // RFC 5258 3: RECURSIVEMATCH needs an option that selects by something else.
  return !out.recursive_match || out.select_subscribed || out.select_special_use || in.fail("more than RECURSIVEMATCH");
}

bool return_options(Lexer& in, List& out) {
  if (!in.keyword("RETURN") || !in.sp() || !in.eat('(')) return false;
  if (in.eat(')')) return true;
  do {
    if (in.keyword("SUBSCRIBED"))
      out.return_subscribed = true;
    else if (in.keyword("CHILDREN"))
      out.return_children = true;
    else if (in.keyword("SPECIAL-USE"))
      out.return_special_use = true;
    else
      return in.fail("a return option");
  } while (in.sp());
  return in.eat(')');
}

// mbox-or-pat = list-mailbox / "(" list-mailbox *(SP list-mailbox) ")"
bool mbox_or_pat(Lexer& in, List& out) {
  const bool several = in.eat('(');
  out.extended |= several;
  do {
    auto pattern = in.list_mailbox();
    if (!pattern) return false;
    if (out.patterns.size() == kMaxListPatterns) return in.fail("fewer patterns");
    out.patterns.push_back(std::move(*pattern));
  } while (several && in.sp());
  return !several || in.eat(')');
}

}  // namespace

std::optional<List> list_arguments(Lexer& in) {
  List out;
  if (in.peek() == '(') {
    out.extended = true;
    if (!selection_options(in, out) || !in.sp()) return std::nullopt;
  }
  auto reference = in.mailbox();
  if (!reference || !in.sp()) return std::nullopt;
  out.reference = std::move(*reference);
  if (!mbox_or_pat(in, out)) return std::nullopt;
  if (!in.sp()) return out;
  out.extended = true;
  if (!return_options(in, out)) return std::nullopt;
  return out;
}

}  // namespace mailkeep::imap
