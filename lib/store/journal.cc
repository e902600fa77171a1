// Appending, flushing, reading. SPDX-License-Identifier: ISC
#include "lib/store/journal.h"

#include <sys/random.h>

#include <cstdio>

#include <algorithm>

#include "lib/base/text.h"
#include "lib/base/crc32c.h"

namespace mailkeep::store {

namespace {

constexpr size_t kMaxHandles = 8;

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
    std::string head(kSegmentHeader, '\0');
    auto got = io_.pread(*fd, head.data(), head.size(), 0);
    if (!got) return got.error();
    head.resize(*got);
    if (const auto mark = parse_segment_header(head, segment); mark && mark_ == 0) mark_ = *mark;
  }
  // Every header is damaged: the first record says the mark too.
  for (const auto& [segment, size] : segments_) {
    if (mark_ != 0) break;
    auto fd = handle(segment);
    if (!fd) return fd.error();
    std::string head(kSegmentHeader + kRecordHeader, '\0');
    auto got = io_.pread(*fd, head.data(), head.size(), 0);
    if (!got) return got.error();
    if (head.compare(kSegmentHeader, 4, "\nMK1") != 0) continue;
    for (size_t i = 8; i-- > 0;) mark_ = mark_ << 8 | static_cast<unsigned char>(head[kSegmentHeader + 4 + i]);
  }
  while (mark_ == 0) {
    if (getrandom(&mark_, sizeof mark_, 0) != sizeof mark_) return errno_error("getrandom");
  }
  return {};
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

Status Journal::begin_segment() {
  if (tail_ != 0) {
    // What follows in the new segment relies on the old one: a scan takes an older segment for durable.
    auto old = handle(tail_);
    if (!old) return old.error();
    if (allocated_end_ > written_end_) {
      if (auto cut = io_.ftruncate(*old, written_end_); !cut) return cut;
      allocated_end_ = written_end_;
    }
    if (auto synced = io_.fdatasync(*old); !synced) {
      has_failed_ = true;
      return synced;
    }
  }
  const uint32_t next = std::max(used_, segments_.empty() ? 0 : segments_.rbegin()->first) + 1;
  auto fd = io_.openat(dir_, segment_name(next), O_RDWR | O_CREAT | O_EXCL);
  if (!fd) return fd.error();
  if (auto synced = io_.fsync(dir_); !synced) {
    io_.close(*fd);
    if (auto undone = io_.unlinkat(dir_, segment_name(next)); !undone) return undone;
    return synced;
  }
  handles_[next] = *fd;
  segments_[next] = 0;
  tail_ = next;
  written_end_ = 0;
  allocated_end_ = 0;
  return {};
}

Status Journal::reserve(uint64_t size, uint64_t slack) {
  const uint64_t need = written_end_ + buffer_.size() + size;
  if (!can_allocate_ || need + slack <= allocated_end_) return {};
  auto fd = handle(tail_);
  if (!fd) return fd.error();
  const uint64_t step = std::max<uint64_t>(limits_.preallocate, 4096);
  const uint64_t target = (need + slack + step - 1) / step * step;
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

Status Journal::flush() {
  if (buffer_.empty()) return {};
  auto fd = handle(tail_);
  const std::string_view parts[] = {buffer_};
  Status written = fd ? io_.pwritev(*fd, parts, written_end_) : Status(fd.error());
  if (written) {
    written_end_ += buffer_.size();
    allocated_end_ = std::max(allocated_end_, written_end_);
    segments_[tail_] = written_end_;
    buffer_.clear();
    is_unsynced_ = true;
    return {};
  }
  buffer_.clear();
  if (fd) {
    if (auto cut = io_.ftruncate(*fd, written_end_); !cut) {
      has_failed_ = true;  // part of what is taken back may stay in the file
      return Error(cut.error().text, EIO);
    }
    allocated_end_ = written_end_;
  }
  return written;
}

Status Journal::sync() {
  if (!is_unsynced_) return {};
  auto fd = handle(tail_);
  if (!fd) return fd.error();
  if (auto synced = io_.fdatasync(*fd); !synced) {
    has_failed_ = true;
    return synced;
  }
  is_unsynced_ = false;
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
