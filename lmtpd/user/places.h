// The Maildirs and mbox files of one account, outside of its mail directory: where actions of the configuration put its
// mail.
//
// open() runs as the account, before the process is confined: the path is put together here, of the action's template
// and the account's name and home, and whatever links lie on it lead no further than the account itself may go. What an
// address adds to a path later is one component of it (lib/conf/path_template.h).
// SPDX-License-Identifier: ISC
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "lib/base/fd.h"
#include "lib/os/sandbox.h"
#include "lib/worker/messages.h"
#include "lmtpd/user/files.h"
#include "lmtpd/user/forward.h"
#include "lmtpd/user/messages.h"

namespace mailkeep::user {

class Places {
 public:
  static std::unique_ptr<Places> open(const worker::Boot& boot);
  std::vector<os::Allowed> allowed() const;
  bool has(const std::string& action) const { return find(action) != nullptr; }
  bool is_mailbox(const std::string& action) const;
  // The .forward that counts for mail of this action; null: none does.
  const ForwardFile* forward_of(const std::string& action) const;
  // `dir`: the account's mail directory, where the ledger is.
  void set_home(os::Io& io, int dir) {
    io_ = &io;
    dir_ = dir;
  }
  // True: it was there already. The message is on the disk.
  Result<bool> deliver(const Deliver& m, std::string_view text, const std::string& hostname);

 private:
  struct Place {
    std::string action;
    worker::PlaceKind kind = worker::PlaceKind::kMaildir;
    bool forward = false;
    std::string path;    // the template
    std::string prefix;  // what is open
    Fd directory;
    std::string error;  // why it is not
  };
  void open_place(Place& place) const;
  const Place* find(const std::string& action) const;
  Result<Fd> folder_of(const Place& place, int maildir, const Deliver& m, std::string_view lines);
  Result<bool> put(const Place& place, const Deliver& m, std::string_view text, const std::string& hostname);

  std::string account_, home_;
  std::vector<Place> places_;
  std::unique_ptr<ForwardFile> forward_;
  os::Io* io_ = nullptr;
  int dir_ = -1;
  std::unique_ptr<Ledger> ledger_;
};

}  // namespace mailkeep::user
