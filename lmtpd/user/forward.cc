// See forward.h.
// SPDX-License-Identifier: ISC
#include "lmtpd/user/forward.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "lib/base/text.h"
#include "lib/smtp/address.h"
#include "queue/messages.h"

namespace mailkeep::user {

namespace {

constexpr const char* kName = ".forward";
constexpr size_t kMaxShown = 100;  // bytes of an entry in the log

// The next entry, without blanks around it, and the text without it. Separators in quotes part nothing.
std::string_view take_entry(std::string_view& text) {
  bool quoted = false;
  size_t at = 0;
  for (; at < text.size(); at++) {
    const char c = text[at];
    if (c == '\n' || (c == ',' && !quoted)) break;
    if (c == '\\' && quoted) at++;
    if (c == '"') quoted = !quoted;
    if (c == '#' && !quoted && (at == 0 || is_space(text[at - 1]))) break;
  }
  at = std::min(at, text.size());
  std::string_view out = text.substr(0, at);
  const size_t next = at < text.size() && text[at] == '#' ? std::min(text.find('\n', at), text.size()) : at;
  text.remove_prefix(std::min(next + 1, text.size()));
  while (!out.empty() && (is_space(out.front()) || out.front() == '\r')) out.remove_prefix(1);
  while (!out.empty() && (is_space(out.back()) || out.back() == '\r')) out.remove_suffix(1);
  return out;
}

bool is_command_or_file(std::string_view entry) {
  if (!entry.empty() && entry[0] == '"') entry.remove_prefix(1);
  return entry.starts_with('|') || entry.starts_with('/') || starts_with_nocase(entry, ":include:");
}

std::string domain_of(const std::string& address) {
  const size_t at = address.rfind('@');
  return at == std::string::npos ? "" : address.substr(at + 1);
}

// With a domain; empty: it is no address.
std::string address_of(std::string_view entry, const std::string& domain) {
  const bool is_account = entry.starts_with('\\');
  if (is_account) entry.remove_prefix(1);
  auto mailbox = smtp::parse_mailbox(entry);
  if (!mailbox && entry.find('@') == entry.npos) mailbox = smtp::parse_mailbox(std::string(entry) + "@" + domain);
  return mailbox ? mailbox->text() : "";
}

}  // namespace

ForwardList parse_forward(std::string_view text, const std::string& account, const std::string& recipient) {
  ForwardList out;
  const std::string domain = domain_of(recipient);
  while (!text.empty()) {
    const std::string_view entry = take_entry(text);
    if (entry.empty()) continue;
    const std::string address = is_command_or_file(entry) ? "" : address_of(entry, domain);
    const bool is_good = !address.empty() && address.size() <= kMaxAddress;
    if (is_good && (equals_nocase(address, recipient) || equals_nocase(address, account) ||
                    equals_nocase(address, account + "@" + domain))) {
      out.keep = true;
    } else if (is_good && std::any_of(out.addresses.begin(), out.addresses.end(),
                                      [&](const std::string& a) { return equals_nocase(a, address); })) {
      continue;
    } else if (!is_good || out.addresses.size() == queue::kMaxForwardAddresses) {
      out.refused.push_back(printable(entry, kMaxShown));
    } else {
      out.addresses.push_back(address);
    }
  }
  return out;
}

bool has_been_at(std::string_view head, const std::string& recipient) {
  while (!head.empty() && head[0] != '\r' && head[0] != '\n') {
    std::string_view line = head.substr(0, head.find('\n'));
    head.remove_prefix(std::min(line.size() + 1, head.size()));
    if (!starts_with_nocase(line, "delivered-to:")) continue;
    line.remove_prefix(13);
    while (!line.empty() && is_space(line.front())) line.remove_prefix(1);
    while (!line.empty() && (is_space(line.back()) || line.back() == '\r')) line.remove_suffix(1);
    if (equals_nocase(line, recipient)) return true;
  }
  return false;
}

ForwardFile::ForwardFile(const std::string& home, uid_t uid)
    : home_name_(home), uid_(uid), home_(home.empty() ? -1 : ::open(home.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)) {
  if (!home_) return;
  file_.reset(::openat(home_.get(), kName, O_PATH | O_CLOEXEC));
  struct stat st {};
  if (!file_ || ::fstat(file_.get(), &st) != 0 || !S_ISREG(st.st_mode)) {
    file_.reset();
  } else {
    device_ = st.st_dev;
    inode_ = st.st_ino;
  }
}

std::vector<os::Allowed> ForwardFile::allowed() const {
  if (!file_) return {};
  return {{file_.get(), false}};
}

// Who can put another file there decides about the mail: nobody but the account (or root) may.
std::string ForwardFile::why_home_not() const {
  struct stat st {};
  if (::fstat(home_.get(), &st) != 0) return errno_error(home_name_).text;
  if (st.st_uid != uid_ && st.st_uid != 0) return home_name_ + " belongs to uid " + std::to_string(st.st_uid);
  if ((st.st_mode & 022) != 0) return home_name_ + " can be written by others";
  return {};
}

ForwardFile::Reading ForwardFile::read() const {
  const std::string name = home_name_ + "/" + kName;
  struct stat link {
  }, st{};
  if (!home_) return {};
  if (::fstatat(home_.get(), kName, &link, AT_SYMLINK_NOFOLLOW) != 0) {
    return errno == ENOENT ? Reading{} : Reading{State::kFailed, errno_error(name).text};
  }
  if (const std::string why = why_home_not(); !why.empty()) return {State::kRefused, why};
  if (S_ISLNK(link.st_mode) && link.st_uid != uid_ && link.st_uid != 0)
    return {State::kRefused, name + " is a link of uid " + std::to_string(link.st_uid)};
  if (::fstatat(home_.get(), kName, &st, 0) != 0) return {State::kRefused, errno_error(name).text};
  if (!S_ISREG(st.st_mode)) return {State::kRefused, name + " is no file"};
  if (st.st_uid != uid_) return {State::kRefused, name + " belongs to uid " + std::to_string(st.st_uid)};
  if ((st.st_mode & 022) != 0) return {State::kRefused, name + " can be written by others"};
  if (st.st_size > static_cast<off_t>(kMaxForwardFile))
    return {State::kRefused, name + " is larger than " + std::to_string(kMaxForwardFile) + " bytes"};
  const Fd fd(::openat(home_.get(), kName, O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  if (!fd && errno == EACCES && (st.st_dev != device_ || st.st_ino != inode_)) return {State::kChanged, name};
  if (!fd) return {State::kRefused, errno_error(name).text};
  if (::fstat(fd.get(), &st) != 0 || !S_ISREG(st.st_mode) || st.st_uid != uid_ || (st.st_mode & 022) != 0)
    return {State::kFailed, name + " is being changed"};
  Reading out{State::kText, std::string(kMaxForwardFile + 1, '\0')};
  const ssize_t n = ::pread(fd.get(), out.text.data(), out.text.size(), 0);
  if (n < 0) return {State::kFailed, errno_error(name).text};
  if (static_cast<size_t>(n) > kMaxForwardFile)
    return {State::kRefused, name + " is larger than " + std::to_string(kMaxForwardFile) + " bytes"};
  out.text.resize(static_cast<size_t>(n));
  return out;
}

}  // namespace mailkeep::user
