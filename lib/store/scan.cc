// Scanning the journal at start: which records are whole, which damage cost one record, and where the torn tail begins.
// SPDX-License-Identifier: ISC
#include <algorithm>
#include <cstring>

#include "lib/store/journal.h"

namespace mailkeep::store {

// A stretch of a segment: a record, or bytes that are none.
struct Journal::Item {
  size_t at = 0;
  size_t size = 0;
  Parsed parsed;
};

namespace {

// memcmp() is much faster than a search by the byte; the end of a segment is zeros as far as it was allocated.
bool is_zero(std::string_view bytes) {
  return bytes.empty() || (bytes[0] == '\0' && std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0);
}

}  // namespace

Result<Seq> Journal::scan(Place from, Seq known, const Sink& sink) {
  Seq durable = known;
  if (segments_.empty()) return durable;
  const uint32_t last = segments_.rbegin()->first;
  for (const auto& [segment, size] : std::map<uint32_t, uint64_t>(segments_)) {
    if (segment < from.segment) continue;
    const uint64_t start = segment == from.segment ? from.offset : 0;
    if (auto scanned = scan_segment(segment, start, segment == last, known, durable, sink); !scanned) return scanned.error();
    if (segment != last) durable = std::max(durable, known);
  }
  return durable;
}

Status Journal::scan_segment(uint32_t segment, uint64_t from, bool is_last, Seq& known, Seq& durable, const Sink& sink) {
  auto fd = handle(segment);
  if (!fd) return fd.error();
  auto size = io_.file_size(*fd);
  if (!size) return size.error();
  auto data_end = *size > from ? io_.data_end(*fd, from) : size;
  if (!data_end) return data_end.error();
  std::string bytes(*size > from ? std::min(*data_end, *size) - from : 0, '\0');
  auto got = io_.pread(*fd, bytes.data(), bytes.size(), from);
  if (!got) return got.error();
  bytes.resize(*got);
  const std::string_view all(bytes);

  // A stretch each; `proven` is the highest number that anything here calls durable.
  std::vector<Item> items;
  Seq proven = 0;
  size_t at = 0;
  bool is_bad_head = false;
  if (from == 0) {
    is_bad_head = !parse_segment_header(all, segment);
    at = std::min(kSegmentHeader, all.size());
  }
  while (at < all.size()) {
    Parsed parsed = parse_record(all.substr(at), mark_);
    if (parsed.state == Parsed::State::bad && is_zero(all.substr(at))) break;
    Item item{at, parsed.size, parsed};
    if (parsed.state != Parsed::State::whole) {
      // A body whose size reaches over a sound record, or over the end, is not believed.
      const size_t next = find_record(all, at + 1, mark_);
      const size_t end = next == std::string_view::npos ? all.size() : next;
      const bool has_size = parsed.state == Parsed::State::bad_body && parsed.size <= end - at;
      item.size = has_size ? parsed.size : end - at;
    } else {
      proven = std::max(proven, parsed.record.synced);
      has_proof_ = has_proof_ || proven > 0;
    }
    at += item.size;
    items.push_back(std::move(item));
  }

  // Up to where it counts: everything in an older segment; else up to the last item that was surely durable, or until
  // something is torn. A group that has no end was torn too.
  const size_t count = items.size();
  size_t kept = count;
  if (is_last) {
    Seq seen = known;
    size_t group = count;  // where an unfinished group began
    for (size_t i = 0; i < count; ++i) {
      const Parsed& parsed = items[i].parsed;
      const bool is_whole = parsed.state == Parsed::State::whole;
      if (!is_whole && proven <= seen) {
        kept = i;
        break;
      }
      if (parsed.state == Parsed::State::bad) continue;
      seen = std::max(seen, parsed.record.seq);
      if (!parsed.record.has_more) group = count;
      if (parsed.record.has_more && group == count) group = i;
    }
    if (group < kept) kept = group;
  }

  if (is_bad_head && !all.empty() && !items.empty() && kept > 0) {
    sink.on_damage({segment, 0}, all.substr(0, std::min(kSegmentHeader, all.size())), nullptr, false);
  }
  for (size_t i = 0; i < kept; ++i) {
    const Item& item = items[i];
    const std::string_view raw = all.substr(item.at, item.size);
    if (item.parsed.state != Parsed::State::whole) {
      const bool has_head = item.parsed.state == Parsed::State::bad_body;
      sink.on_damage({segment, from + item.at}, raw, has_head ? &item.parsed.record : nullptr, false);
      if (has_head) known = std::max(known, item.parsed.record.seq);
      continue;
    }
    known = std::max(known, item.parsed.record.seq);
    if (is_last && known > std::max(durable, proven) && !write_again_) write_again_ = i == 0 && from == 0 ? 0 : from + item.at;
    sink.on_record(item.parsed.record, {segment, from + item.at + item.size - item.parsed.record.body.size()});
  }

  durable = std::max(durable, std::min(proven, known));
  const size_t end = kept < count ? items[kept].at : at;
  segments_[segment] = from + end;
  if (!is_last) return {};
  tail_ = segment;
  // A header that never got whole, with nothing behind it: the segment begins anew.
  written_end_ = is_bad_head && kept == 0 ? 0 : from + end;
  scanned_end_ = written_end_;
  allocated_end_ = *size;
  zeroed_end_ = written_end_;
  if (written_end_ == 0) has_unsynced_names_ = true;  // the process that made it may have died before its name was safe
  if (kept == count && is_zero(all.substr(written_end_ > from ? written_end_ - from : 0))) return {};
  const std::string_view torn = all.substr(written_end_ - from);
  if (!is_zero(torn)) sink.on_damage({segment, written_end_}, torn.substr(0, torn.find_last_not_of('\0') + 1), nullptr, true);
  if (auto cut = io_.ftruncate(*fd, written_end_); !cut) return cut;
  // The cut must be on the disk before anything new is: else old records could come back behind the new ones.
  if (auto synced = io_.fdatasync(*fd); !synced) return synced;
  allocated_end_ = zeroed_end_ = written_end_;
  return {};
}

}  // namespace mailkeep::store
