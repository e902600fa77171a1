// SPDX-License-Identifier: ISC
#include "lib/store/cache.h"

#include "lib/base/crc32c.h"
#include "lib/store/bytes.h"

namespace mailkeep::store {

namespace {

constexpr std::string_view kMagic = "MKC1";
constexpr size_t kHead = 28;
constexpr size_t kMaxSummary = 16U << 20;

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

HeaderCache::~HeaderCache() {
  if (fd_ >= 0) io_.close(fd_);
}

Status HeaderCache::open() {
  auto fd = io_.openat(dir_, "cache", O_RDWR | O_CREAT);
  if (!fd) return fd.error();
  fd_ = *fd;
  auto size = io_.file_size(fd_);
  if (!size) return size.error();
  end_ = *size;
  return {};
}

void HeaderCache::scan(uint64_t from, State& state) {
  for (auto& [id, body] : state.mutable_bodies()) {
    if (body.cache_at > end_) body.cache_at = 0;
  }
  std::string head(kHead, '\0');
  while (from + kHead <= end_) {
    auto got = io_.pread(fd_, head.data(), head.size(), from);
    const auto parsed = got && *got == kHead ? parse_head(head) : std::nullopt;
    if (!parsed || from + kHead + parsed->summary_size > end_) return;
    Body* body = state.body(parsed->object);
    if (body != nullptr && is_of(*parsed, *body)) {
      body->cache_at = from + 1;
      body->cache_size = parsed->summary_size;
    }
    from += kHead + parsed->summary_size;
  }
}

void HeaderCache::add(Body& body, const Summary& summary) {
  const std::string bytes = encode_summary(summary);
  if (bytes.size() > kMaxSummary) return;
  body.cache_at = end_ + buffer_.size() + 1;
  body.cache_size = static_cast<uint32_t>(bytes.size());
  Writer w(buffer_);
  buffer_.append(kMagic);
  w.u64(body.object);
  w.u32(body.size);
  w.u32(body.crc);
  w.u32(body.cache_size);
  w.u32(crc32c(bytes));
  buffer_.append(bytes);
}

void HeaderCache::flush() {
  if (buffer_.empty()) return;
  const std::string_view parts[] = {buffer_};
  // After a failed write these records are missing or torn: find() sees that, and they are made again when asked for.
  if (io_.pwritev(fd_, parts, end_)) end_ += buffer_.size();
  buffer_.clear();
}

std::optional<Summary> HeaderCache::find(const Body& body) {
  if (body.cache_at == 0) return std::nullopt;
  std::string bytes(kHead + body.cache_size, '\0');
  const uint64_t at = body.cache_at - 1;
  size_t got = 0;
  if (at >= end_) {
    if (at - end_ < buffer_.size()) got = buffer_.copy(bytes.data(), bytes.size(), at - end_);
  } else if (auto read = io_.pread(fd_, bytes.data(), bytes.size(), at)) {
    got = *read;
  }
  bytes.resize(got);
  const auto head = parse_head(bytes);
  const std::string_view summary_bytes = std::string_view(bytes).substr(std::min(kHead, bytes.size()));
  Summary summary;
  if (!head || !is_of(*head, body) || head->summary_crc != crc32c(summary_bytes)) return std::nullopt;
  if (!decode_summary(summary_bytes, summary)) return std::nullopt;
  return summary;
}

}  // namespace mailkeep::store
