// The account's ~/.forward: where its owner wants the mail to go instead.
//
//   file  = *( [ entry ] *( ( "," / newline ) [ entry ] ) )      ; '#' starts a comment, at the start of a line or after a blank
//   entry = address / name / "\" name                            ; a name is one of the recipient's domain
//
// The account's own name, with or without the backslash, or the recipient's address: here too. What starts with '|',
// '/' or ":include:", quoted or not, is refused, for this server starts no command and writes to no file but mailboxes.
// Read by the account's own process, opened anew for each delivery; Landlock leaves it that one file. Trusts nothing of
// it.
// SPDX-License-Identifier: ISC
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/fd.h"
#include "lib/os/sandbox.h"

namespace mailkeep::user {

constexpr size_t kMaxForwardFile = 64 * 1024;

struct ForwardList {
  std::vector<std::string> addresses;  // with a domain, each once; at most queue::kMaxForwardAddresses
  bool keep = false;                   // here too
  std::vector<std::string> refused;    // entries that are none, for the log
};
// Pure.
ForwardList parse_forward(std::string_view text, const std::string& account, const std::string& recipient);

class ForwardFile {
 public:
  enum class State : uint8_t {
    kNone,     // there is no such file
    kText,     // `text` is its content
    kRefused,  // `text` says why it does not count: owner, mode, kind, size
    kChanged,  // it is another file than the one this process may read: the next process may
    kFailed,   // not now; `text` says why
  };
  struct Reading {
    State state = State::kNone;
    std::string text;
  };

  // As the account, before the process is confined.
  ForwardFile(const std::string& home, uid_t uid);
  std::vector<os::Allowed> allowed() const;
  Reading read() const;

 private:
  std::string why_home_not() const;

  std::string home_name_;
  uid_t uid_;
  Fd home_;
  Fd file_;  // O_PATH; open, so that no other file gets its number
  dev_t device_ = 0;
  ino_t inode_ = 0;
};

// Whether the message has been delivered to that address before: its header says so (Delivered-To).
bool has_been_at(std::string_view head, const std::string& recipient);

}  // namespace mailkeep::user
