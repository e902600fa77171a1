// Addresses of the SMTP envelope (RFC 5321 4.1.2, address literals 4.1.3): strict, since routing, logging and
// delivery rely on them. Pure; every process that handles an envelope.
// SPDX-License-Identifier: ISC
#pragma once

#include <string>
#include <string_view>

#include "lib/base/limits.h"
#include "lib/base/result.h"

namespace mailkeep::smtp {

struct Mailbox {
  std::string local;   // without quoting: "a b"@x has a b; ASCII or UTF-8 (RFC 6531 3.3)
  std::string domain;  // as given, U-labels as A-labels; "[…]" for a literal; empty only for the bare Postmaster

  // Lower case, without a trailing dot: what tables are asked.
  std::string canonical_domain() const;
  bool is_literal() const { return !domain.empty() && domain[0] == '['; }
  // As it is written in a Path: the local part quoted where it must be. Empty for an empty Mailbox.
  std::string text() const;
  bool operator==(const Mailbox&) const = default;
};

// Path = "<" [A-d-l ":"] Mailbox ">"; source routes are read and dropped (RFC 5321 4.1.1.3).
struct Path {
  bool is_null = false;           // "<>"
  bool is_international = false;  // was written with more than ASCII: only where SMTPUTF8 was asked for
  Mailbox mailbox;
  // "<local@domain>"
  std::string text() const { return "<" + mailbox.text() + ">"; }
  // Of what was meant, however it was written.
  bool operator==(const Path& other) const { return is_null == other.is_null && mailbox == other.mailbox; }
};

// The parsed path at the start of `text`, and how many bytes it took.
struct PathPrefix {
  Path path;
  size_t length = 0;
};

// Path or "<>", and nothing behind it.
Result<Path> parse_path(std::string_view text);
// Path or "<>" or "<Postmaster>" and what follows is the caller's.
Result<PathPrefix> parse_path_prefix(std::string_view text);
// Mailbox = Local-part "@" ( Domain / address-literal ), and nothing behind it.
Result<Mailbox> parse_mailbox(std::string_view text);
// Domain: LDH labels of at most 63, and underscores, which the world uses. At most 255.
bool is_domain(std::string_view text);
// address-literal = "[" ( IPv4 / "IPv6:" IPv6 ) "]"; general literals are refused.
bool is_address_literal(std::string_view text);

// local "user+detail" in its parts, at the first of `separators`; without one: {local, ""}. A separator at the very
// start splits nothing.
struct Subaddress {
  std::string_view user;
  std::string_view detail;
  bool has_detail = false;
};
Subaddress split_subaddress(std::string_view local, std::string_view separators = "+");

}  // namespace mailkeep::smtp
