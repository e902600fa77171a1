// SPDX-License-Identifier: ISC
#include "lib/store/record.h"

#include "lib/base/crc32c.h"
#include "lib/store/bytes.h"

namespace mailkeep::store {

namespace {

constexpr std::string_view kMagic = "\nMK1";
constexpr std::string_view kSegmentMagic = "MAILKEEP";
constexpr uint8_t kMore = 1;
constexpr size_t kMaxTried = 1000;  // heads with any mark: a message may be full of them

void seal(std::string& out, size_t at, size_t meta_size) {
  std::string crc;
  Writer(crc).u32(crc32c(std::string_view(out).substr(at + 16, kRecordHeader - 16 + meta_size)));
  out.replace(at + 12, 4, crc);
}

}  // namespace

std::string encode_segment_header(uint32_t segment, uint64_t mark, Seq seq) {
  std::string out(kSegmentMagic);
  Writer w(out);
  w.u32(kJournalForm);
  w.u32(segment);
  w.u64(mark);
  w.u64(seq);
  w.u32(crc32c(out));
  w.u32(0);
  return out;
}

std::optional<uint64_t> parse_segment_header(std::string_view bytes, uint32_t segment) {
  if (bytes.size() < kSegmentHeader || !bytes.starts_with(kSegmentMagic)) return std::nullopt;
  Reader r(bytes.substr(kSegmentMagic.size(), kSegmentHeader - kSegmentMagic.size()));
  const uint32_t form = r.u32();
  const uint32_t number = r.u32();
  const uint64_t mark = r.u64();
  r.u64();
  const uint32_t crc = r.u32();
  if (form != kJournalForm || number != segment || crc != crc32c(bytes.substr(0, 32))) return std::nullopt;
  return mark;
}

void encode_record(std::string& out, const Record& record, uint64_t mark) {
  const size_t start = out.size();
  out.reserve(start + kRecordHeader + record.meta.size() + record.body.size());
  Writer w(out);
  out.append(kMagic);
  w.u64(mark);
  w.u32(0);
  w.u32(record.body_crc);
  w.u32(static_cast<uint32_t>(record.meta.size()));
  w.u32(static_cast<uint32_t>(record.body.size()));
  w.u8(static_cast<uint8_t>(record.type));
  w.u8(record.has_more ? kMore : 0);
  w.u8(0);
  w.u8(0);
  w.u64(record.seq);
  w.u64(record.synced);
  out.append(record.meta);
  seal(out, start, record.meta.size());
  out.append(record.body);
}

void clear_has_more(std::string& out, size_t at) {
  out[at + 29] = 0;
  Reader meta_size(std::string_view(out).substr(at + 20, 4));
  seal(out, at, meta_size.u32());
}

Parsed parse_record(std::string_view bytes, uint64_t mark) {
  Parsed parsed;
  if (bytes.size() < kRecordHeader || !bytes.starts_with(kMagic)) return parsed;
  Reader r(bytes.substr(kMagic.size()));
  if (r.u64() != mark) return parsed;
  const uint32_t head_crc = r.u32();
  Record& record = parsed.record;
  record.body_crc = r.u32();
  const uint32_t meta_size = r.u32();
  const uint32_t body_size = r.u32();
  record.type = static_cast<RecordType>(r.u8());
  record.has_more = (r.u8() & kMore) != 0;
  r.u8();
  r.u8();
  record.seq = r.u64();
  record.synced = r.u64();
  if (meta_size > kMaxMeta || meta_size > bytes.size() - kRecordHeader) return parsed;
  if (crc32c(bytes.substr(16, kRecordHeader - 16 + meta_size)) != head_crc) return parsed;
  record.meta = bytes.substr(kRecordHeader, meta_size);
  const std::string_view rest = bytes.substr(kRecordHeader + meta_size);
  parsed.size = kRecordHeader + meta_size + body_size;
  parsed.state = Parsed::State::bad_body;
  if (body_size > kMaxBody || body_size > rest.size()) return parsed;
  record.body = rest.substr(0, body_size);
  if (crc32c(record.body) != record.body_crc) return parsed;
  parsed.state = Parsed::State::whole;
  return parsed;
}

bool begins_record(std::string_view bytes, uint64_t mark) {
  if (bytes.size() < kRecordHeader || !bytes.starts_with(kMagic)) return false;
  Reader r(bytes.substr(kMagic.size(), 8));
  return r.u64() == mark;
}

uint64_t claimed_size(std::string_view bytes) {
  Reader r(bytes.substr(20, 8));
  const uint64_t meta_size = r.u32();
  return kRecordHeader + meta_size + r.u32();
}

uint64_t find_any_mark(std::string_view bytes) {
  size_t tried = 0;
  for (size_t at = bytes.find(kMagic); at != std::string_view::npos && tried < kMaxTried;
       at = bytes.find(kMagic, at + 1), ++tried) {
    Reader r(bytes.substr(at + kMagic.size()));
    const uint64_t mark = r.u64();
    if (mark != 0 && parse_record(bytes.substr(at), mark).state == Parsed::State::whole) return mark;
  }
  return 0;
}

size_t find_record(std::string_view bytes, size_t from, uint64_t mark) {
  std::string magic(kMagic);
  Writer(magic).u64(mark);
  for (size_t at = bytes.find(magic, from); at != std::string_view::npos; at = bytes.find(magic, at + 1)) {
    if (parse_record(bytes.substr(at), mark).state != Parsed::State::bad) return at;
  }
  return std::string_view::npos;
}

}  // namespace mailkeep::store
