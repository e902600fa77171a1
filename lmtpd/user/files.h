// A message into a Maildir or an mbox file: exactly once, on the disk when it is said to be there.
//
//   Maildir:  tmp/NAME, synced → begun in the ledger → new/NAME → new/ synced → ended in the ledger
//             NAME is made of the envelope's id: what was begun is looked for in new/ and cur/ before it is done again
//   mbox:     locked → begun in the ledger, with the file's size → appended, synced (a failure cuts it back) → ended
//             what was begun is compared with what stands there: whole, it is not done again; torn, it is cut off
// SPDX-License-Identifier: ISC
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "lmtpd/user/ledger.h"

namespace mailkeep::user {

// For a Maildir and an mbox: lines of LF.
std::string to_lf(std::string_view text);
// A whole mbox entry: the From_ line, the text with its lines that begin with "From " (behind any '>') quoted by one
// '>', an empty line.
std::string mbox_entry(std::string_view text, const std::string& sender, int64_t time);

// SECONDS.MIDENUMBER.HOST; the first part is the time of the message's id.
std::string maildir_name(const queue::EnvelopeId& id, const std::string& hostname);

// `maildir` has tmp, new and cur, or gets them. True: it was there already.
Result<bool> put_into_maildir(os::Io& io, int maildir, const std::string& name, std::string_view text, Ledger& ledger,
                              const queue::EnvelopeId& id);

// Takes the locks of `name` in `dir`, open as `fd`; what it returns gives them back. EAGAIN: somebody else has them.
using Unlock = std::function<void()>;
using Lock = std::function<Result<Unlock>(int dir, const std::string& name, int fd)>;
// fcntl(2), and NAME.lock beside it where the directory can be written. EAGAIN too when `fd` has the name no more. A
// file of another account's is refused: in a directory like /tmp it was put there to read the mail.
Result<Unlock> lock_mbox(int dir, const std::string& name, int fd);

Result<bool> put_into_mbox(os::Io& io, int dir, const std::string& name, const std::string& entry, Ledger& ledger,
                           const queue::EnvelopeId& id, const Lock& lock);

}  // namespace mailkeep::user
