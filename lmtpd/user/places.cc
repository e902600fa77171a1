// See places.h.
// SPDX-License-Identifier: ISC
#include "lmtpd/user/places.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "lib/base/text.h"
#include "lib/conf/path_template.h"

namespace mailkeep::user {

namespace {

constexpr std::string_view kJunk = ".Junk";  // Maildir++
constexpr int kDirectory = O_RDONLY | O_DIRECTORY | O_CLOEXEC;

// Every directory of the path that is missing, on the disk as far as the account may have that; where it may not be
// made, opening says so.
void make_path(const std::string& path) {
  size_t above = 0;
  for (size_t slash = path.find('/', 1);; above = slash, slash = path.find('/', slash + 1)) {
    if (mkdir(path.substr(0, slash).c_str(), 0700) == 0) {
      const Fd parent(::open(above == 0 ? "/" : path.substr(0, above).c_str(), kDirectory));
      if (parent) (void)::fsync(parent.get());
    }
    if (slash == std::string::npos) return;
  }
}

// From `from` on, one component after the other, made where missing, and then on the disk: the message is not safer
// than the way to it. None of them may be a link.
Result<Fd> walk(os::Io& io, int from, const std::vector<std::string_view>& parts) {
  Fd at(::openat(from, ".", kDirectory));
  if (!at) return errno_error("open");
  for (const auto part : parts) {
    if (part.empty()) continue;
    const std::string name(part);
    auto made = io.mkdirat(at.get(), name);
    if (made) made = io.fsync(at.get());
    if (!made && made.error().code != EEXIST) return made.error();
    auto next = io.openat(at.get(), name, kDirectory);
    if (!next) return next.error();
    at.reset(*next);
  }
  return at;
}

// In a directory that everybody may write another account can have made it, to read the mail.
Status check_owner(int maildir, const std::string& path) {
  struct stat st {};
  if (::fstat(maildir, &st) != 0) return errno_error(path);
  if (st.st_uid == ::geteuid() || st.st_uid == 0) return {};
  return Error(path + " belongs to uid " + std::to_string(st.st_uid) + ", who could read the mail", EPERM);
}

// A field of the header that says yes: X-Spam or X-Spam-Flag.
bool is_marked_as_spam(std::string_view lines) {
  while (!lines.empty() && lines[0] != '\n') {
    const std::string_view line = lines.substr(0, lines.find('\n'));
    const size_t colon = line.find(':');
    if (colon != line.npos &&
        (equals_nocase(line.substr(0, colon), "x-spam") || equals_nocase(line.substr(0, colon), "x-spam-flag"))) {
      const size_t value = line.find_first_not_of(" \t", colon + 1);
      if (value != line.npos && starts_with_nocase(line.substr(value), "yes")) return true;
    }
    lines.remove_prefix(std::min(line.size() + 1, lines.size()));
  }
  return false;
}

}  // namespace

std::unique_ptr<Places> Places::open(const worker::Boot& boot) {
  if (boot.places.empty()) return nullptr;
  auto out = std::make_unique<Places>();
  out->account_ = boot.account;
  out->home_ = boot.home;
  for (const auto& p : boot.places) {
    Place& place = out->places_.emplace_back();
    place.action = p.action;
    place.kind = p.kind;
    place.path = p.path;
    place.forward = p.forward;
    if (p.kind != worker::PlaceKind::kMailbox) out->open_place(place);
    if (p.forward && !out->forward_) out->forward_ = std::make_unique<ForwardFile>(boot.home, boot.uid);
  }
  return out;
}

void Places::open_place(Place& place) const {
  const bool is_mbox = place.kind == worker::PlaceKind::kMbox;
  conf::PathNames names;
  names.username = account_;
  names.directory = home_;
  auto prefix = conf::expand_path(conf::fixed_part(place.path, is_mbox), names);
  if (!prefix) {
    place.error = prefix.error().text;
    return;
  }
  place.prefix = std::move(*prefix);
  if (!is_mbox) make_path(place.prefix);
  place.directory.reset(::open(place.prefix.c_str(), kDirectory));
  if (!place.directory) place.error = errno_error(place.prefix).text;
}

std::vector<os::Allowed> Places::allowed() const {
  std::vector<os::Allowed> out;
  for (const Place& p : places_) {
    if (p.directory) out.push_back({p.directory.get(), true});
  }
  if (forward_) {
    for (const auto& file : forward_->allowed()) out.push_back(file);
  }
  return out;
}

const Places::Place* Places::find(const std::string& action) const {
  const auto it = std::find_if(places_.begin(), places_.end(), [&](const Place& p) { return p.action == action; });
  return it == places_.end() ? nullptr : &*it;
}

bool Places::is_mailbox(const std::string& action) const {
  const Place* place = find(action);
  return place != nullptr && place->kind == worker::PlaceKind::kMailbox;
}

const ForwardFile* Places::forward_of(const std::string& action) const {
  const Place* place = find(action);
  return place != nullptr && place->forward ? forward_.get() : nullptr;
}

Result<bool> Places::deliver(const Deliver& m, std::string_view text, const std::string& hostname) {
  const Place* it = find(m.action);
  if (it == nullptr)
    return Error("the action " + m.action + " is none of a Maildir or an mbox file, as far as this process knows");
  if (!it->directory) return Error(it->error);
  if (!ledger_) {
    auto ledger = Ledger::open(*io_, dir_);
    if (!ledger) return ledger.error();
    ledger_ = std::make_unique<Ledger>(std::move(*ledger));
  }
  auto done = put(*it, m, text, hostname);
  if (!done) ledger_.reset();  // what of it was written is read again
  return done;
}

Result<bool> Places::put(const Place& place, const Deliver& m, std::string_view text, const std::string& hostname) {
  const conf::PathNames names = {account_, home_, m.sender, m.original.empty() ? m.recipient : m.original, m.recipient};
  const auto path = conf::expand_path(place.path, names);
  if (!path) return path.error();
  const std::string rest = path->substr(place.prefix.size());
  auto parts = split(rest, '/');
  std::string file;
  if (place.kind == worker::PlaceKind::kMbox) {
    file = parts.back();
    parts.pop_back();
  }
  const auto directory = walk(*io_, place.directory.get(), parts);
  if (!directory) return directory.error();
  const std::string lines = to_lf(text);
  if (place.kind == worker::PlaceKind::kMbox) {
    const std::string entry = mbox_entry(lines, m.sender, static_cast<int64_t>(m.envelope.message >> 32));
    return put_into_mbox(*io_, directory->get(), file, entry, *ledger_, m.envelope, lock_mbox);
  }
  if (auto good = check_owner(directory->get(), *path); !good) return good.error();
  const auto folder = folder_of(place, directory->get(), m, lines);
  if (!folder) return folder.error();
  return put_into_maildir(*io_, folder->get(), maildir_name(m.envelope, hostname), lines, *ledger_, m.envelope);
}

// Junk, or that of the subaddress where there is one, or the Maildir itself.
Result<Fd> Places::folder_of(const Place& place, int maildir, const Deliver& m, std::string_view lines) {
  if (place.kind == worker::PlaceKind::kMaildirWithJunk && is_marked_as_spam(lines))
    return walk(*io_, maildir, {kJunk});
  if (conf::is_path_component(m.detail)) {
    if (auto fd = io_->openat(maildir, "." + m.detail, kDirectory)) return Fd(*fd);
  }
  return walk(*io_, maildir, {});
}

}  // namespace mailkeep::user
