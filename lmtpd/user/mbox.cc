// mbox files. See files.h.
// SPDX-License-Identifier: ISC
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>
#include <span>

#include "lib/base/crc32c.h"
#include "lib/base/fd.h"
#include "lib/base/text.h"
#include "lmtpd/user/files.h"

namespace mailkeep::user {

namespace {

constexpr std::string_view kLockText = "mailkeep\n";  // in a lock file of ours
constexpr int64_t kStaleLock = 300;                   // seconds; who holds a lock file longer is gone

Result<std::string> read_range(os::Io& io, int fd, uint64_t from, uint64_t size) {
  std::string out(size, '\0');
  const auto got = io.pread(fd, out.data(), out.size(), from);
  if (!got) return got.error();
  out.resize(*got);
  return out;
}

// Ours from there to the end of the file, but not all of it: sectors that a power cut has lost are zeros.
bool is_torn(std::string_view there, const std::string& entry) {
  if (there.empty() || there.size() > entry.size() || there == entry) return false;
  for (size_t i = 0; i < there.size(); i++) {
    if (there[i] != entry[i] && there[i] != '\0') return false;
  }
  return true;
}

enum class Found : uint8_t { kNothing, kWhole, kTorn };

// Anywhere in the file: a reader may have moved it. A part of the file at a time, however large it is.
Result<bool> is_in(os::Io& io, int fd, uint64_t size, const std::string& entry) {
  constexpr uint64_t kPart = 1024 * 1024;
  for (uint64_t at = 0; at < size; at += kPart) {
    const auto part = read_range(io, fd, at, std::min<uint64_t>(size - at, kPart + entry.size()));
    if (!part) return part.error();
    if (part->find(entry) != std::string::npos) return true;
  }
  return false;
}

Result<Found> look_for(os::Io& io, int fd, uint64_t size, uint64_t offset, const std::string& entry) {
  if (offset < size) {
    const auto there = read_range(io, fd, offset, std::min<uint64_t>(size - offset, entry.size() + 1));
    if (!there) return there.error();
    if (there->compare(0, entry.size(), entry) == 0) return Found::kWhole;
    if (is_torn(*there, entry)) return Found::kTorn;
  }
  const auto found = is_in(io, fd, size, entry);
  if (!found) return found.error();
  return *found ? Found::kWhole : Found::kNothing;
}

// `file` is open in `dir` and locked.
Result<bool> append(os::Io& io, int dir, int fd, const std::string& name, const std::string& entry, Ledger& ledger,
                    const queue::EnvelopeId& id) {
  auto size = io.file_size(fd);
  if (!size) return size.error();
  const auto before = ledger.find(id);
  if (before.state == Ledger::State::kBegun) {
    const auto found = look_for(io, fd, *size, before.offset, entry);
    if (!found) return found.error();
    if (*found == Found::kTorn) {
      if (auto cut = io.ftruncate(fd, before.offset); !cut) return cut.error();
      *size = before.offset;
    }
    if (*found == Found::kWhole) {
      if (auto synced = io.fsync(fd); !synced) return synced.error();
      (void)ledger.end(id);
      return true;
    }
  }
  if (auto begun = ledger.begin(id, *size, crc32c(name)); !begun) return begun.error();
  const std::string_view part = entry;
  auto done = io.pwritev(fd, std::span(&part, 1), *size);
  if (done) done = io.fsync(fd);
  if (done) done = io.fsync(dir);  // it may be new
  if (!done) {
    if (auto cut = io.ftruncate(fd, *size); cut) (void)io.fsync(fd);
    return done.error();
  }
  (void)ledger.end(id);  // else the message is looked for again
  return false;
}

// 0: gone meanwhile.
int64_t age_of(int dir, const std::string& name) {
  struct stat st {};
  return fstatat(dir, name.c_str(), &st, AT_SYMLINK_NOFOLLOW) == 0 ? std::time(nullptr) - st.st_mtime : 0;
}

}  // namespace

std::string to_lf(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const size_t end = text.find("\r\n");
    out.append(text.substr(0, end));
    if (end == std::string_view::npos) break;
    out += '\n';
    text.remove_prefix(end + 2);
  }
  return out;
}

std::string mbox_entry(std::string_view text, const std::string& sender, int64_t time) {
  char when[32] = "";
  const time_t at = time;
  struct tm parts {};
  gmtime_r(&at, &parts);
  strftime(when, sizeof when, "%a %b %e %H:%M:%S %Y", &parts);
  std::string from = sender.empty() ? "MAILER-DAEMON" : sender;
  std::replace(from.begin(), from.end(), ' ', '-');
  std::string out = "From " + from + " " + when + "\n";
  out.reserve(out.size() + text.size() + 64);
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    const size_t quotes = line.find_first_not_of('>');
    if (quotes != std::string_view::npos && line.substr(quotes, 5) == "From ") out += '>';
    out.append(line).append("\n");
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out + "\n";
}

// What is locked must still have the name, or what is written to it is gone with it; and whose file it is may read the
// mail.
static Status check_mbox(int dir, const std::string& name, int fd) {
  struct stat ours {
  }, named{};
  if (::fstat(fd, &ours) != 0) return errno_error(name);
  if (!S_ISREG(ours.st_mode)) return Error(name + " is no file", EINVAL);
  if (ours.st_uid != ::geteuid() && ours.st_uid != 0)
    return Error(name + " belongs to uid " + std::to_string(ours.st_uid) + ", who could read the mail", EPERM);
  if (::fstatat(dir, name.c_str(), &named, AT_SYMLINK_NOFOLLOW) != 0 || named.st_dev != ours.st_dev ||
      named.st_ino != ours.st_ino) {
    return Error(name + " is being replaced by another program", EAGAIN);
  }
  return {};
}

// Where anybody can make files, one that another account has made is no word of a mail program's.
static bool is_strangers(int dir, const std::string& lock) {
  struct stat above {
  }, st{};
  if (::fstat(dir, &above) != 0 || (above.st_mode & S_IWOTH) == 0) return false;
  return ::fstatat(dir, lock.c_str(), &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_uid != ::geteuid() && st.st_uid != 0;
}

// A lock file of an earlier process of this account, which was killed: one process at a time has the account's mail,
// and this one holds no lock. Should another live all the same, it holds fcntl's lock too.
static bool is_left_behind(int dir, const std::string& lock) {
  const Fd file(::openat(dir, lock.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  struct stat st {};
  char text[kLockText.size() + 1];
  return file && ::fstat(file.get(), &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == ::geteuid() &&
         ::read(file.get(), text, sizeof text) == static_cast<ssize_t>(kLockText.size()) &&
         std::string_view(text, kLockText.size()) == kLockText;
}

// True: it is ours. False: there can be none.
static Result<bool> make_lock_file(int dir, const std::string& name, const std::string& lock) {
  for (int tries = 0;; tries++) {
    const Fd made(::openat(dir, lock.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    if (made) {
      // Where there is no room for it, the lock holds all the same; left behind, it would be in the way until it is
      // stale.
      static_cast<void>(!::write(made.get(), kLockText.data(), kLockText.size()));
      return true;
    }
    if (errno == EACCES || errno == EPERM || errno == EROFS) return false;
    if (errno != EEXIST) return errno_error("lock file of " + name);
    if (is_strangers(dir, lock)) return false;
    if (tries > 0 || (!is_left_behind(dir, lock) && age_of(dir, lock) < kStaleLock))
      return Error(name + " is locked by another program", EAGAIN);
    ::unlinkat(dir, lock.c_str(), 0);
  }
}

Result<Unlock> lock_mbox(int dir, const std::string& name, int fd) {
  const std::string lock = name + ".lock";
  const auto has_file = make_lock_file(dir, name, lock);
  if (!has_file) return has_file.error();
  const auto drop = [dir, lock, made = *has_file] {
    if (made) ::unlinkat(dir, lock.c_str(), 0);
  };
  struct flock whole {};
  whole.l_type = F_WRLCK;
  whole.l_whence = SEEK_SET;
  Status held;
  if (fcntl(fd, F_SETLK, &whole) != 0) held = errno_error(name + " is locked by another program");
  if (held) held = check_mbox(dir, name, fd);
  if (!held) {
    drop();
    return held.error();
  }
  return Unlock(drop);  // the lock of fcntl ends with the descriptor
}

Result<bool> put_into_mbox(os::Io& io, int dir, const std::string& name, const std::string& entry, Ledger& ledger,
                           const queue::EnvelopeId& id, const Lock& lock) {
  if (ledger.find(id).state == Ledger::State::kEnded) return true;
  auto fd = io.openat(dir, name, O_RDWR | O_CREAT | O_CLOEXEC);
  if (!fd) return fd.error();
  auto unlock = lock(dir, name, *fd);
  Result<bool> out = unlock ? append(io, dir, *fd, name, entry, ledger, id) : Result<bool>(unlock.error());
  io.close(*fd);
  if (unlock) (*unlock)();
  return out;
}

}  // namespace mailkeep::user
