// Appending, flushing, reading. SPDX-License-Identifier: ISC
#include "lib/store/journal.h"

#include <sys/random.h>

#include <cstdio>

#include <algorithm>

#include "lib/base/crc32c.h"
#include "lib/base/text.h"

namespace mailkeep::store {

namespace {

constexpr size_t kMaxHandles = 8;
constexpr uint64_t kBlock = 4096;
constexpr uint64_t kZeroAhead = 256 * 1024;  // at most; as much as was written before
constexpr uint64_t kZeroPiece = 64 * 1024;
constexpr uint64_t kMarkWithin = 1U << 20;  // bytes from a segment's start
constexpr uint64_t kSmallPart = 8;          // of Limits::preallocate, for a segment that is smaller than that
constexpr char kZeros[kZeroPiece] = {};

uint64_t round_up(uint64_t n, uint64_t to) { return (n + to - 1) / to * to; }

}  // namespace

std::string segment_name(uint32_t segment) {
  char name[16];
  std::snprintf(name, sizeof name, "%06u", segment);
  return name;
}

Journal::~Journal() {
  for (const auto& [segment, fd] : handles_) io_.close(fd);
}

Status Journal::open() {
  auto names = io_.readdir(dir_);
  if (!names) return names.error();
  for (const std::string& name : *names) {
    const auto number = parse_u64(name, UINT32_MAX);
    if (!number || *number == 0 || segment_name(static_cast<uint32_t>(*number)) != name) continue;
    const auto segment = static_cast<uint32_t>(*number);
    auto fd = handle(segment);
    if (!fd) return fd.error();
    auto size = io_.file_size(*fd);
    if (!size) return size.error();
    segments_[segment] = *size;
    if (mark_ != 0) continue;
    std::string head(kSegmentHeader, '\0');
    auto got = io_.pread(*fd, head.data(), head.size(), 0);
    if (!got && got.error().code != EIO) return got.error();
    head.resize(got ? *got : 0);
    if (const auto mark = parse_segment_header(head, segment)) mark_ = *mark;
  }
  if (mark_ == 0) {
    if (auto found = find_mark(); !found) return found;
  }
  while (mark_ == 0) {
    if (getrandom(&mark_, sizeof mark_, 0) != sizeof mark_) return errno_error("getrandom");
  }
  return {};
}

// Every header is damaged: the records say the mark too. The first sound one counts, for it is the journal's own: mail
// that pretends to hold some comes later, and inside of one.
Status Journal::find_mark() {
  std::set<uint64_t> unreadable;
  for (const auto& [segment, size] : segments_) {
    auto fd = handle(segment);
    if (!fd) return fd.error();
    const auto bytes = read_around(*fd, 0, std::min(size, kMarkWithin), &unreadable);
    if (!bytes) return bytes.error();
    mark_ = find_any_mark(*bytes);
    if (mark_ != 0) return {};
  }
  return unreadable.empty() ? Status() : Error("journal: what can be read of it says no mark", EIO);
}

Result<int> Journal::handle(uint32_t segment) {
  const auto it = handles_.find(segment);
  if (it != handles_.end()) return it->second;
  while (handles_.size() >= kMaxHandles) {
    auto victim = handles_.begin();
    if (victim->first == tail_) ++victim;
    io_.close(victim->second);
    handles_.erase(victim);
  }
  auto fd = io_.openat(dir_, segment_name(segment), O_RDWR);
  if (fd) handles_[segment] = *fd;
  return fd;
}

// What follows in the next segment relies on this one: a scan takes an older segment for durable.
Status Journal::end_segment() {
  auto fd = handle(tail_);
  if (!fd) return fd.error();
  if (allocated_end_ > written_end_) {
    if (auto cut = io_.ftruncate(*fd, written_end_); !cut) return cut;
    allocated_end_ = zeroed_end_ = written_end_;
  }
  is_unsynced_ = true;
  return sync();
}

Status Journal::begin_segment() {
  const bool is_first = tail_ == 0;
  if (!is_first) {
    if (auto ended = end_segment(); !ended) return ended;
  }
  const uint32_t next = std::max(used_, segments_.empty() ? 0 : segments_.rbegin()->first) + 1;
  auto fd = io_.openat(dir_, segment_name(next), O_RDWR | O_CREAT | O_EXCL);
  if (!fd) return fd.error();
  if (is_first) {
    has_unsynced_names_ = true;
  } else if (auto synced = io_.fsync(dir_); !synced) {
    io_.close(*fd);
    if (auto undone = io_.unlinkat(dir_, segment_name(next)); !undone) return undone;
    return synced;
  }
  handles_[next] = *fd;
  segments_[next] = 0;
  tail_ = next;
  written_end_ = allocated_end_ = zeroed_end_ = flushed_here_ = 0;
  return {};
}

Status Journal::reserve(uint64_t size, uint64_t slack) {
  const uint64_t need = written_end_ + buffer_.size() + size;
  if (!can_allocate_ || need + slack <= allocated_end_) return {};
  auto fd = handle(tail_);
  if (!fd) return fd.error();
  const uint64_t step =
      std::max(written_end_ < limits_.preallocate ? limits_.preallocate / kSmallPart : limits_.preallocate, kBlock);
  const uint64_t target = round_up(need + slack, step);
  Status grown = io_.fallocate(*fd, allocated_end_, target - allocated_end_);
  if (grown) {
    allocated_end_ = target;
    return {};
  }
  if (grown.error().code == EOPNOTSUPP) {
    can_allocate_ = false;
    return {};
  }
  if (slack == 0 && need <= allocated_end_) return {};
  return grown;
}

Result<Place> Journal::put(Record record, uint64_t slack) {
  if (tail_ == 0 || (buffer_.empty() && written_end_ >= limits_.segment_size)) {
    if (auto begun = begin_segment(); !begun) return begun.error();
  }
  const bool needs_header = written_end_ == 0 && buffer_.empty();
  const uint64_t size = kRecordHeader + record.meta.size() + record.body.size() + (needs_header ? kSegmentHeader : 0);
  if (auto reserved = reserve(size, slack); !reserved) return reserved.error();
  if (needs_header) buffer_ = encode_segment_header(tail_, mark_, record.seq);
  record.body_crc = crc32c(record.body);
  last_record_ = buffer_.size();
  encode_record(buffer_, record, mark_);
  return Place{tail_, written_end_ + buffer_.size() - record.body.size()};
}

void Journal::end_group() {
  if (!buffer_.empty()) clear_has_more(buffer_, last_record_);
}

// The zeros that are worth writing behind records that end at `end`, when those reach blocks that were never written.
std::vector<std::string_view> Journal::zeros_behind(uint64_t end) {
  std::vector<std::string_view> zeros;
  if (end <= zeroed_end_) return zeros;
  const uint64_t ahead = std::min(kZeroAhead, flushed_here_);
  const uint64_t target = std::min(round_up(end, kBlock) + ahead / kBlock * kBlock, std::max(allocated_end_, end));
  for (uint64_t at = end; ahead >= kBlock && at < target; at += zeros.back().size()) {
    zeros.emplace_back(kZeros, std::min(target - at, kZeroPiece));
  }
  zeroed_end_ = zeros.empty() ? round_up(end, kBlock) : target;
  return zeros;
}

Status Journal::flush() {
  if (buffer_.empty()) return {};
  auto fd = handle(tail_);
  std::vector<std::string_view> parts = zeros_behind(written_end_ + buffer_.size());
  parts.insert(parts.begin(), buffer_);
  Status written = fd ? io_.pwritev(*fd, parts, written_end_) : Status(fd.error());
  if (written) {
    written_end_ += buffer_.size();
    flushed_here_ += buffer_.size();
    allocated_end_ = std::max(allocated_end_, written_end_);
    segments_[tail_] = written_end_;
    buffer_.clear();
    is_unsynced_ = true;
    return {};
  }
  buffer_.clear();
  if (fd) {
    // Part of what is taken back may be in the file. Gone it must be before anything else is written there: see torn.h.
    Status cut = io_.ftruncate(*fd, written_end_);
    if (cut) cut = io_.fdatasync(*fd);
    if (!cut) {
      has_failed_ = true;
      return Error(cut.error().text, EIO);
    }
    allocated_end_ = zeroed_end_ = written_end_;
  }
  return written;
}

Status Journal::write_again() {
  if (!write_again_) return {};
  auto fd = handle(tail_);
  if (!fd) return fd.error();
  std::set<uint64_t> unreadable;
  const auto bytes = read_around(*fd, *write_again_, scanned_end_ - *write_again_, &unreadable);
  if (!bytes) return bytes.error();
  const bool is_as_scanned =
      std::includes(unreadable_.begin(), unreadable_.end(), unreadable.begin(), unreadable.end());
  if (!is_as_scanned || bytes->size() != scanned_end_ - *write_again_)
    return Error("journal: cannot be read any more", EIO);
  const std::string_view parts[] = {*bytes};
  if (auto written = io_.pwritev(*fd, parts, *write_again_); !written) return written;
  write_again_.reset();
  return {};
}

Status Journal::sync() {
  if (!is_unsynced_) return {};
  auto fd = handle(tail_);
  if (!fd) return fd.error();
  Status synced = write_again();
  if (synced) synced = io_.fdatasync(*fd);
  if (synced && has_unsynced_names_) synced = io_.fsync(dir_);
  if (!synced) {
    has_failed_ = true;
    return synced;
  }
  is_unsynced_ = has_unsynced_names_ = false;
  return {};
}

Result<size_t> Journal::read(uint32_t segment, uint64_t offset, std::span<char> into) {
  if (segment == tail_ && offset >= written_end_) {
    const uint64_t at = offset - written_end_;
    if (at >= buffer_.size()) return size_t{0};
    return buffer_.copy(into.data(), into.size(), at);
  }
  auto fd = handle(segment);
  if (!fd) return fd.error();
  return io_.pread(*fd, into.data(), into.size(), offset);
}

Status Journal::remove(uint32_t segment) {
  if (segment == tail_) return Error("the journal's last segment stays", EINVAL);
  const auto it = handles_.find(segment);
  if (it != handles_.end()) {
    io_.close(it->second);
    handles_.erase(it);
  }
  if (auto gone = io_.unlinkat(dir_, segment_name(segment)); !gone) return gone;
  segments_.erase(segment);
  return {};
}

}  // namespace mailkeep::store
