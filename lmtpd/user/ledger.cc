// See ledger.h.
// SPDX-License-Identifier: ISC
#include "lmtpd/user/ledger.h"

#include <fcntl.h>

#include <algorithm>
#include <cstring>
#include <span>
#include <utility>

#include "lib/base/crc32c.h"

namespace mailkeep::user {

namespace {

constexpr const char* kName = "deliveries";
constexpr const char* kNewName = "deliveries.new";
constexpr size_t kRecord = 32;

template <class T>
void put(std::string& out, T v) {
  char bytes[sizeof v];
  std::memcpy(bytes, &v, sizeof v);
  out.append(bytes, sizeof v);
}

template <class T>
T get(std::string_view record, size_t at) {
  T v;
  std::memcpy(&v, record.data() + at, sizeof v);
  return v;
}

std::string encode(const queue::EnvelopeId& id, const Ledger::Entry& e) {
  std::string out;
  put(out, id.message);
  put(out, id.number);
  put(out, static_cast<uint32_t>(e.state));
  put(out, e.offset);
  put(out, e.path);
  put(out, crc32c(out));
  return out;
}

bool decode(std::string_view record, queue::EnvelopeId& id, Ledger::Entry& e) {
  if (get<uint32_t>(record, kRecord - 4) != crc32c(record.substr(0, kRecord - 4))) return false;
  id = {get<uint64_t>(record, 0), get<uint32_t>(record, 8)};
  const auto state = get<uint32_t>(record, 12);
  e = {static_cast<Ledger::State>(state), get<uint64_t>(record, 16), get<uint32_t>(record, 24)};
  return state == 1 || state == 2;
}

Status write(os::Io& io, int fd, const std::string& bytes, uint64_t offset) {
  const std::string_view part = bytes;
  return io.pwritev(fd, std::span(&part, 1), offset);
}

}  // namespace

Ledger::Ledger(Ledger&& other) noexcept
    : io_(other.io_),
      dir_(other.dir_),
      fd_(std::exchange(other.fd_, -1)),
      size_(other.size_),
      entries_(std::move(other.entries_)) {}

Ledger::~Ledger() {
  if (fd_ >= 0) io_->close(fd_);
}

Result<Ledger> Ledger::open(os::Io& io, int dir) {
  auto fd = io.openat(dir, kName, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW);
  if (!fd) return fd.error();
  Ledger out(io, dir, *fd);
  const auto size = io.file_size(*fd);
  if (!size) return size.error();
  out.size_ = *size / kRecord * kRecord;
  if (out.is_long()) {
    if (auto done = out.shorten(); !done) return done.error();
    return out;
  }
  const auto text = out.tail(2 * kKept);
  if (!text) return text.error();
  out.take(*text);
  if (auto synced = io.fsync(dir); !synced) return synced.error();
  return out;
}

bool Ledger::is_long() const { return size_ > 2 * kKept * kRecord; }

// The last records of the file, so many at most, whatever its size.
Result<std::string> Ledger::tail(size_t most) const {
  std::string text(std::min<uint64_t>(size_, most * kRecord), '\0');
  const auto got = io_->pread(fd_, text.data(), text.size(), size_ - text.size());
  if (!got) return got.error();
  if (*got != text.size()) return Error("deliveries: shorter than it was", EIO);
  return text;
}

void Ledger::take(std::string_view text) {
  entries_.clear();
  for (size_t at = 0; at + kRecord <= text.size(); at += kRecord) {
    queue::EnvelopeId id;
    Entry entry;
    if (decode(text.substr(at, kRecord), id, entry)) entries_[id] = entry;
  }
}

// The last kKept records in a file of their own, which takes the other's name. After a failure this object is of no
// use: nobody knows which of the two has the name.
Status Ledger::shorten() {
  const auto text = tail(kKept);
  if (!text) return text.error();
  auto fd = io_->openat(dir_, kNewName, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW);
  if (!fd) return fd.error();
  auto done = write(*io_, *fd, *text, 0);
  if (done) done = io_->fsync(*fd);
  if (done) done = io_->renameat(dir_, kNewName, dir_, kName);
  if (done) done = io_->fsync(dir_);
  if (!done) {
    io_->close(*fd);
    return done;
  }
  io_->close(std::exchange(fd_, *fd));
  size_ = text->size();
  take(*text);
  return {};
}

Ledger::Entry Ledger::find(const queue::EnvelopeId& id) const {
  const auto it = entries_.find(id);
  return it == entries_.end() ? Entry{} : it->second;
}

Status Ledger::append(const queue::EnvelopeId& id, const Entry& entry) {
  if (auto done = write(*io_, fd_, encode(id, entry), size_); !done) return done;
  size_ += kRecord;
  entries_[id] = entry;
  return {};
}

Status Ledger::begin(const queue::EnvelopeId& id, uint64_t offset, uint32_t path) {
  if (is_long()) {
    if (auto done = shorten(); !done) return done;
  }
  if (auto done = append(id, {State::kBegun, offset, path}); !done) return done;
  return io_->fdatasync(fd_);
}

Status Ledger::end(const queue::EnvelopeId& id) {
  Entry entry = find(id);
  entry.state = State::kEnded;
  return append(id, entry);
}

}  // namespace mailkeep::user
