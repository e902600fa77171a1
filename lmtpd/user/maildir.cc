// Maildir. See files.h.
// SPDX-License-Identifier: ISC
#include <fcntl.h>

#include <algorithm>
#include <memory>
#include <span>

#include "lib/base/text.h"
#include "lmtpd/user/files.h"

namespace mailkeep::user {

namespace {

constexpr int kDirectory = O_RDONLY | O_DIRECTORY | O_CLOEXEC;

class Opened {
 public:
  Opened(os::Io& io, int fd) : io_(io), fd_(fd) {}
  ~Opened() { io_.close(fd_); }
  Opened(const Opened&) = delete;
  Opened& operator=(const Opened&) = delete;
  int fd() const { return fd_; }

 private:
  os::Io& io_;
  int fd_;
};
using OpenedPtr = std::unique_ptr<Opened>;

Result<OpenedPtr> open_part(os::Io& io, int maildir, const std::string& name, bool& is_new) {
  if (auto made = io.mkdirat(maildir, name); made) {
    is_new = true;
  } else if (made.error().code != EEXIST) {
    return made.error();
  }
  auto fd = io.openat(maildir, name, kDirectory);
  if (!fd) return fd.error();
  return std::make_unique<Opened>(io, *fd);
}

// Under its name, or with the flags that a reader has put behind it.
Result<bool> has(os::Io& io, int dir, const std::string& name) {
  const auto names = io.readdir(dir);
  if (!names) return names.error();
  return std::any_of(names->begin(), names->end(), [&](const std::string& n) {
    return n.compare(0, name.size(), name) == 0 &&
           (n.size() == name.size() || n[name.size()] == ':' || n[name.size()] == ',');
  });
}

Status write_whole(os::Io& io, int tmp, const std::string& name, std::string_view text) {
  // What an attempt before has left may have a second name by now, and a reader.
  if (auto gone = io.unlinkat(tmp, name); !gone && gone.error().code != ENOENT) return gone;
  auto fd = io.openat(tmp, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC);
  if (!fd) return fd.error();
  const Opened file(io, *fd);
  auto done = io.pwritev(file.fd(), std::span(&text, 1), 0);
  if (done) done = io.fsync(file.fd());
  return done;
}

}  // namespace

std::string maildir_name(const queue::EnvelopeId& id, const std::string& hostname) {
  return std::to_string(id.message >> 32) + ".M" + hex64(id.message) + "E" + std::to_string(id.number) + "." + hostname;
}

Result<bool> put_into_maildir(os::Io& io, int maildir, const std::string& name, std::string_view text, Ledger& ledger,
                              const queue::EnvelopeId& id) {
  const auto before = ledger.find(id);
  if (before.state == Ledger::State::kEnded) return true;
  bool is_new = false;
  OpenedPtr parts[3];
  for (int i = 0; i < 3; i++) {
    constexpr const char* kParts[] = {"tmp", "new", "cur"};
    auto part = open_part(io, maildir, kParts[i], is_new);
    if (!part) return part.error();
    parts[i] = std::move(*part);
  }
  if (is_new) {
    if (auto synced = io.fsync(maildir); !synced) return synced.error();
  }
  if (before.state == Ledger::State::kBegun) {
    for (const int i : {1, 2}) {
      const auto found = has(io, parts[i]->fd(), name);
      if (!found) return found.error();
      if (!*found) continue;
      if (auto synced = io.fsync(parts[i]->fd()); !synced) return synced.error();
      (void)ledger.end(id);
      return true;
    }
  }
  auto done = write_whole(io, parts[0]->fd(), name, text);
  if (done) done = ledger.begin(id, 0, 0);
  if (done) done = io.renameat(parts[0]->fd(), name, parts[1]->fd(), name);
  if (done) done = io.fsync(parts[1]->fd());
  if (!done) {
    (void)io.unlinkat(parts[0]->fd(), name);
    return done.error();
  }
  (void)ledger.end(id);  // else the message is looked for again
  return false;
}

}  // namespace mailkeep::user
