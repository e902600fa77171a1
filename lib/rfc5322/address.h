// Address lists of From, To, Cc … (RFC 5322 3.4, obsolete forms 4.4), as IMAP's ENVELOPE and the filters want
// them. Tolerant: every list gives some result. Pure; the text is a stranger's.
// SPDX-License-Identifier: ISC
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace mailkeep::rfc5322 {

enum class AddressKind : uint8_t { mailbox, group_start, group_end };

struct Address {
  AddressKind kind = AddressKind::mailbox;
  std::string name;    // display name (a group's name at group_start), quoting removed, encoded-words as they were
  std::string route;   // obs-route "@a,@b", mostly empty
  std::string local;   // local part, quoting removed
  std::string domain;  // empty when the text had none

  // "local@domain", the local part quoted where RFC 5322 asks for it; empty for groups.
  std::string addr_spec() const;
  bool operator==(const Address&) const = default;
};

struct AddressLimits {
  size_t addresses = 1000;
  int comment_nesting = 10;
};

// `text` is a folded or unfolded field value. What follows the last permitted address is dropped; an open group is
// closed.
std::vector<Address> parse_address_list(std::string_view text, const AddressLimits& limits = {});

// The local part as it is written in an addr-spec: a dot-atom, or quoted.
std::string quote_local_part(std::string_view local);
// phrase: atoms as they are, else a quoted string, or encoded-words where there are 8-bit bytes.
std::string format_phrase(std::string_view name);
// "phrase <local@domain>" or "local@domain".
std::string format_address(const Address& address);

}  // namespace mailkeep::rfc5322
