// SPDX-License-Identifier: ISC
#include "lib/store/cache.h"

#include <sys/random.h>

#include <algorithm>

#include "lib/base/crc32c.h"
#include "lib/store/bytes.h"

namespace mailkeep::store {

namespace {

constexpr std::string_view kFileMagic = "MKCACHE2";
constexpr size_t kFileHead = 16;
constexpr std::string_view kMagic = "MKC1";
constexpr size_t kHead = 28;
constexpr size_t kMaxSummary = 16U << 20;
constexpr size_t kScanChunk = 64 * 1024;

struct Head {
  ObjectId object = 0;
  uint32_t size = 0;
  uint32_t crc = 0;
  uint32_t summary_size = 0;
  uint32_t summary_crc = 0;
};

std::optional<Head> parse_head(std::string_view bytes) {
  if (bytes.size() < kHead || !bytes.starts_with(kMagic)) return std::nullopt;
  Reader r(bytes.substr(kMagic.size()));
  Head head;
  head.object = r.u64();
  head.size = r.u32();
  head.crc = r.u32();
  head.summary_size = r.u32();
  head.summary_crc = r.u32();
  if (head.summary_size > kMaxSummary) return std::nullopt;
  return head;
}

bool is_of(const Head& head, const Body& body) {
  return head.object == body.object && head.size == body.size && head.crc == body.crc;
}

}  // namespace

std::string encode_summary(const Summary& summary) {
  std::string out;
  Writer w(out);
  w.u8(1);  // form
  w.text(summary.envelope);
  w.text(summary.body);
  w.text(summary.bodystructure);
  w.varint(summary.header_size);
  w.varint(summary.body_lines);
  w.i64(summary.sent);
  w.i64(summary.sent_day);
  w.u8(static_cast<uint8_t>((summary.has_sent ? 1 : 0) | (summary.is_reply_or_forward ? 2 : 0)));
  w.text(summary.base_subject);
  w.text(summary.from);
  w.text(summary.to);
  w.text(summary.cc);
  w.text(summary.message_id);
  w.varint(summary.references.size());
  for (const std::string& id : summary.references) w.text(id);
  w.text(summary.preview);
  return out;
}

bool decode_summary(std::string_view bytes, Summary& summary) {
  Reader r(bytes);
  if (r.u8() != 1) return false;
  summary.envelope = r.text();
  summary.body = r.text();
  summary.bodystructure = r.text();
  summary.header_size = r.varint();
  summary.body_lines = r.varint();
  summary.sent = r.i64();
  summary.sent_day = r.i64();
  const uint8_t bits = r.u8();
  summary.has_sent = (bits & 1) != 0;
  summary.is_reply_or_forward = (bits & 2) != 0;
  summary.base_subject = r.text();
  summary.from = r.text();
  summary.to = r.text();
  summary.cc = r.text();
  summary.message_id = r.text();
  summary.references.clear();
  for (size_t n = r.count(1); n > 0 && r.ok(); --n) summary.references.emplace_back(r.text());
  summary.preview = r.text();
  return r.is_done();
}

uint64_t HeaderCache::new_generation() {
  uint64_t generation = 0;
  while (generation == 0) {
    if (getrandom(&generation, sizeof generation, 0) != sizeof generation) fatal("getrandom failed");
  }
  return generation;
}

std::string HeaderCache::file_head(uint64_t generation) {
  std::string head(kFileMagic);
  Writer(head).u64(generation);
  return head;
}

// At the first use. False: there is no cache, and none can be made.
bool HeaderCache::open() {
  if (is_open_ || is_useless_) return is_open_;
  is_useless_ = true;
  const auto fd = io_.openat(dir_, "cache", O_RDWR | O_CREAT);
  if (!fd) return false;
  fd_ = *fd;
  const auto size = io_.file_size(fd_);
  std::string head(kFileHead, '\0');
  const auto got = io_.pread(fd_, head.data(), head.size(), 0);
  if (!size || !got) return false;
  is_open_ = true;
  is_useless_ = false;
  end_ = *size;
  Reader r(std::string_view(head).substr(kFileMagic.size()));
  generation_ = r.u64();
  if (*got != kFileHead || !head.starts_with(kFileMagic)) begin_anew();
  if (generation_ == known_.generation) return true;
  state_.forget_cached();
  known_ = {generation_, kFileHead};
  return true;
}

void HeaderCache::begin_anew() {
  if (end_ > 0) {
    if (!io_.ftruncate(fd_, 0)) {
      is_open_ = false;
      is_useless_ = true;
      return;
    }
  }
  end_ = 0;
  generation_ = new_generation();
  buffer_ = file_head(generation_);
}

// Finds the records that were added since the index was written.
void HeaderCache::scan() {
  if (std::exchange(is_scanned_, true)) return;
  std::string chunk;
  uint64_t chunk_at = 0;
  for (uint64_t at = known_.end; at + kHead <= end_;) {
    if (at < chunk_at || at + kHead > chunk_at + chunk.size()) {
      chunk.resize(std::min<uint64_t>(kScanChunk, end_ - at));
      chunk_at = at;
      const auto got = io_.pread(fd_, chunk.data(), chunk.size(), at);
      chunk.resize(got ? *got : 0);
    }
    const auto head = parse_head(std::string_view(chunk).substr(std::min<size_t>(at - chunk_at, chunk.size())));
    if (!head || at + kHead + head->summary_size > end_) {
      is_damaged_ = true;
      return;
    }
    const auto size = static_cast<uint32_t>(kHead + head->summary_size);
    Body* body = state_.body(head->object);
    if (body != nullptr && is_of(*head, *body))
      state_.set_cached(*body, at + 1, size);
    else
      is_damaged_ = is_damaged_ || body != nullptr;
    at += size;
  }
}

void HeaderCache::add(Body& body, const Summary& summary) {
  const std::string bytes = encode_summary(summary);
  if (bytes.size() > kMaxSummary || !open()) return;
  state_.set_cached(body, end_ + buffer_.size() + 1, static_cast<uint32_t>(kHead + bytes.size()));
  Writer w(buffer_);
  buffer_.append(kMagic);
  w.u64(body.object);
  w.u32(body.size);
  w.u32(body.crc);
  w.u32(static_cast<uint32_t>(bytes.size()));
  w.u32(crc32c(bytes));
  buffer_.append(bytes);
}

void HeaderCache::flush() {
  if (buffer_.empty()) return;
  const std::string_view parts[] = {buffer_};
  // After a failed write these records are missing or torn: find() sees that, and they are made again when asked for.
  if (io_.pwritev(fd_, parts, end_))
    end_ += buffer_.size();
  else if (end_ == 0)
    is_open_ = false, is_useless_ = true;
  buffer_.clear();
}

// The record of a body as it is in the file, verified; nothing when it is not there.
std::optional<std::string> HeaderCache::read(const Body& body) {
  if (body.cache_at == 0 || body.cache_size < kHead) return std::nullopt;
  std::string bytes(body.cache_size, '\0');
  const uint64_t at = body.cache_at - 1;
  size_t got = 0;
  if (at >= end_) {
    if (at - end_ < buffer_.size()) got = buffer_.copy(bytes.data(), bytes.size(), at - end_);
  } else if (auto read = io_.pread(fd_, bytes.data(), bytes.size(), at)) {
    got = *read;
  }
  bytes.resize(got);
  const auto head = parse_head(bytes);
  if (!head || !is_of(*head, body) || head->summary_crc != crc32c(std::string_view(bytes).substr(kHead)))
    return std::nullopt;
  return bytes;
}

std::optional<Summary> HeaderCache::find(Body& body) {
  if (!open()) return std::nullopt;
  scan();
  const auto bytes = read(body);
  Summary summary;
  if (!bytes || !decode_summary(std::string_view(*bytes).substr(kHead), summary)) return std::nullopt;
  return summary;
}

}  // namespace mailkeep::store
