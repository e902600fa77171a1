// Scanning the journal at start: which records are whole, which damage cost one record, and where the torn tail begins.
// SPDX-License-Identifier: ISC
#include <algorithm>
#include <cstring>

#include "lib/store/journal.h"
#include "lib/store/torn.h"

namespace mailkeep::store {

namespace {

constexpr uint64_t kReadable = 4096;     // bytes that the kernel reads or cannot read as one
constexpr uint64_t kMaxUnreadable = 16;  // blocks of a segment; and the most of it must be readable
constexpr char kUnreadable = '?';

// A stretch of a segment: a record, or bytes that are no sound one.
struct Item {
  size_t at = 0;
  size_t size = 0;
  bool is_sound = false;
  bool may_be_torn = false;
  Parsed parsed;
  bool has_head() const { return parsed.state != Parsed::State::bad; }
};

// memcmp() is much faster than a search by the byte; the end of a segment is zeros as far as it was allocated.
bool is_zero(std::string_view bytes) {
  return bytes.empty() || (bytes[0] == '\0' && std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0);
}

// A record whose number is no higher than `seen` cannot stand here, but for a proof.
bool is_plausible(const Record& record, Seq seen) {
  return record.seq > seen || (record.type == RecordType::proof && record.seq == seen);
}

Item unsound_item(std::string_view all, size_t at, const Parsed& parsed, uint64_t base, uint64_t mark) {
  Item item{at, 0, false, false, parsed};
  const size_t next = find_record(all, at + 1, mark);
  const bool is_last = next == std::string_view::npos;
  // A body whose size reaches over a sound record, or over the end, is not believed.
  const bool has_size = item.has_head() && parsed.size <= (is_last ? all.size() : next) - at;
  item.size = (has_size ? at + parsed.size : is_last ? all.find_last_not_of('\0') + 1 : next) - at;
  const size_t end = has_size ? at + parsed.size : next;
  item.may_be_torn = may_be_torn(all, at, end, !is_last && end == next, base, mark);
  return item;
}

// All from `at` on; what follows the last is zeros. `all` are a segment's bytes from `base` on, `seen` the last number
// before.
std::vector<Item> read_items(std::string_view all, size_t at, uint64_t base, uint64_t mark, Seq seen) {
  std::vector<Item> items;
  while (at < all.size()) {
    const Parsed parsed = parse_record(all.substr(at), mark);
    Item item{at, parsed.size, false, false, parsed};
    if (parsed.state == Parsed::State::whole) {
      item.is_sound = is_plausible(parsed.record, seen);
      if (!item.is_sound) item.parsed.state = Parsed::State::bad;
    } else {
      if (is_zero(all.substr(at))) break;
      item = unsound_item(all, at, parsed, base, mark);
    }
    if (item.has_head()) seen = std::max(seen, item.parsed.record.seq);
    at += item.size;
    items.push_back(item);
  }
  return items;
}

// How many of the last segment's items count: all before the first that is torn, and a group that has no end was torn
// too.
size_t count_kept(const std::vector<Item>& items, Seq seen, Seq proven) {
  const size_t count = items.size();
  size_t group = count;  // where an unfinished group began
  size_t kept = 0;
  for (; kept < count; ++kept) {
    const Item& item = items[kept];
    if (!item.is_sound && item.may_be_torn && proven <= seen) break;
    const bool has_more = item.has_head() && item.parsed.record.has_more;
    if (!has_more) group = count;  // also behind damage that hid its end: what it left of the group was written whole
    if (has_more && group == count) group = kept;
    if (item.has_head()) seen = std::max(seen, item.parsed.record.seq);
  }
  return std::min(group, kept);
}

// The highest number that anything here calls durable.
Seq find_proven(const std::vector<Item>& items) {
  Seq proven = 0;
  for (const Item& item : items) {
    if (item.is_sound) proven = std::max(proven, item.parsed.record.synced);
  }
  return proven;
}

// How many are surely on the disk: all up to the last whose number is known to be durable. A proof does not prove
// itself.
size_t count_sure(const std::vector<Item>& items, Seq durable) {
  size_t count = items.size();
  while (count > 0) {
    const Item& item = items[count - 1];
    if (item.has_head() && item.parsed.record.seq <= durable && item.parsed.record.type != RecordType::proof) break;
    --count;
  }
  return count;
}

}  // namespace

Result<Seq> Journal::scan(Place from, Seq known, const Sink& sink) {
  Seq durable = known;
  if (segments_.empty()) return durable;
  const uint32_t last = segments_.rbegin()->first;
  for (const auto& [segment, size] : std::map<uint32_t, uint64_t>(segments_)) {
    if (segment < from.segment) continue;
    const uint64_t start = segment == from.segment ? from.offset : 0;
    if (auto scanned = scan_segment(segment, start, segment == last, known, durable, sink); !scanned)
      return scanned.error();
    if (segment != last) durable = std::max(durable, known);
  }
  return durable;
}

// Of what the disk cannot read the rest is there all the same; in its place stand bytes that are damage, not a torn
// write. When it is much, the disk is gone for now, not some records.
Result<std::string> Journal::read_around(int fd, uint64_t from, uint64_t size, std::set<uint64_t>* unreadable) {
  std::string bytes(size, '\0');
  auto got = io_.pread(fd, bytes.data(), size, from);
  if (got) bytes.resize(*got);
  if (got || got.error().code != EIO) return got ? Result<std::string>(std::move(bytes)) : got.error();
  const uint64_t blocks = (from + size + kReadable - 1) / kReadable - from / kReadable;
  uint64_t missing = 0;
  for (uint64_t at = 0; at < size;) {
    const uint64_t piece = std::min(size - at, kReadable - (from + at) % kReadable);
    got = io_.pread(fd, bytes.data() + at, piece, from + at);
    if (!got) {
      ++missing;
      if (got.error().code != EIO || missing > kMaxUnreadable || missing * 2 > blocks) return got.error();
      std::fill_n(bytes.begin() + static_cast<ptrdiff_t>(at), piece, kUnreadable);
      unreadable->insert((from + at) / kReadable);
    }
    at += piece;
  }
  return bytes;
}

// What was ever written of a segment from `from` on.
Result<std::string> Journal::read_used(int fd, uint64_t from, uint64_t size) {
  auto data_end = size > from ? io_.data_end(fd, from) : size;
  if (!data_end) return data_end.error();
  unreadable_.clear();
  return read_around(fd, from, size > from ? std::min(*data_end, size) - from : 0, &unreadable_);
}

Status Journal::scan_segment(uint32_t segment, uint64_t from, bool is_last, Seq& known, Seq& durable,
                             const Sink& sink) {
  auto fd = handle(segment);
  if (!fd) return fd.error();
  auto size = io_.file_size(*fd);
  if (!size) return size.error();
  const auto bytes = read_used(*fd, from, *size);
  if (!bytes) return bytes.error();
  const std::string_view all(*bytes);

  const bool is_bad_head = from == 0 && !parse_segment_header(all, segment);
  const size_t first = from == 0 ? std::min(kSegmentHeader, all.size()) : 0;
  const std::vector<Item> items = read_items(all, first, from, mark_, known);
  const Seq proven = find_proven(items);
  has_proof_ = has_proof_ || proven > 0;
  const size_t count = items.size();
  const size_t kept = is_last ? count_kept(items, known, proven) : count;
  const size_t sure = count_sure(items, std::max(durable, proven));
  if (is_last && sure < kept) write_again_ = sure == 0 ? from : from + items[sure].at;

  if (is_bad_head && !items.empty() && kept > 0) {
    sink.on_damage({segment, 0}, all.substr(0, std::min(kSegmentHeader, all.size())), nullptr, false);
  }
  for (size_t i = 0; i < kept; ++i) {
    const Item& item = items[i];
    const Record& record = item.parsed.record;
    if (item.has_head()) known = std::max(known, record.seq);
    if (item.is_sound)
      sink.on_record(record, {segment, from + item.at + item.size - record.body.size()});
    else
      sink.on_damage({segment, from + item.at}, all.substr(item.at, item.size), item.has_head() ? &record : nullptr,
                     false);
  }
  durable = std::max(durable, std::min(proven, known));
  const size_t end = kept < count ? items[kept].at : count > 0 ? items.back().at + items.back().size : first;
  segments_[segment] = from + end;
  if (!is_last) return {};
  // A header that never got whole, with nothing behind it: the segment begins anew.
  const uint64_t stands_at = is_bad_head && kept == 0 ? 0 : from + end;
  return stand_at({segment, stands_at}, *size, stands_at >= from ? all.substr(stands_at - from) : std::string_view(),
                  sink);
}

// `rest` is what was written behind that place.
Status Journal::stand_at(Place end, uint64_t size, std::string_view rest, const Sink& sink) {
  tail_ = end.segment;
  written_end_ = scanned_end_ = zeroed_end_ = end.offset;
  allocated_end_ = size;
  if (written_end_ == 0) has_unsynced_names_ = true;  // the process that made it may have died before its name was safe
  if (is_zero(rest)) return {};
  sink.on_damage(end, rest.substr(0, rest.find_last_not_of('\0') + 1), nullptr, true);
  auto fd = handle(tail_);
  if (!fd) return fd.error();
  if (auto cut = io_.ftruncate(*fd, written_end_); !cut) return cut;
  // The cut must be on the disk before anything new is: else old records could come back behind the new ones.
  if (auto synced = io_.fdatasync(*fd); !synced) return synced;
  allocated_end_ = zeroed_end_ = written_end_;
  return {};
}

}  // namespace mailkeep::store
