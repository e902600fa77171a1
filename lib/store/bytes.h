// The store's byte codec: little-endian numbers, varints, counted strings. A Reader that was asked for more than is
// there gives zeros and is no longer ok(); callers look once, at the end.
// SPDX-License-Identifier: ISC
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "lib/store/types.h"

namespace mailkeep::store {

class Writer {
 public:
  explicit Writer(std::string& out) : out_(out) {}
  void u8(uint8_t v) { out_.push_back(static_cast<char>(v)); }
  void u32(uint32_t v) { fixed(v, 4); }
  void u64(uint64_t v) { fixed(v, 8); }
  void i64(int64_t v) { fixed(static_cast<uint64_t>(v), 8); }
  void varint(uint64_t v) {
    for (; v >= 0x80; v >>= 7) u8(static_cast<uint8_t>(v | 0x80));
    u8(static_cast<uint8_t>(v));
  }
  void text(std::string_view s) {
    varint(s.size());
    out_.append(s);
  }
  // Gaps and lengths of ascending ranges.
  void uids(const UidSet& set) {
    varint(set.size());
    Uid last = 0;
    for (const UidRange& range : set) {
      varint(range.first - last);
      varint(range.last - range.first);
      last = range.last;
    }
  }

 private:
  void fixed(uint64_t v, int bytes) {
    for (int i = 0; i < bytes; ++i) u8(static_cast<uint8_t>(v >> (8 * i)));
  }
  std::string& out_;
};

class Reader {
 public:
  explicit Reader(std::string_view in) : in_(in) {}
  bool ok() const { return ok_; }
  bool is_done() const { return ok_ && in_.empty(); }
  size_t left() const { return in_.size(); }
  uint8_t u8() { return static_cast<uint8_t>(fixed(1)); }
  uint32_t u32() { return static_cast<uint32_t>(fixed(4)); }
  uint64_t u64() { return fixed(8); }
  int64_t i64() { return static_cast<int64_t>(fixed(8)); }
  uint64_t varint() {
    uint64_t v = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      const uint8_t b = u8();
      v |= uint64_t{b & 0x7fU} << shift;
      if ((b & 0x80) == 0) return v;
    }
    ok_ = false;
    return 0;
  }
  std::string_view text() {
    const uint64_t size = varint();
    if (!ok_ || size > in_.size()) {
      ok_ = false;
      return {};
    }
    const std::string_view s = in_.substr(0, size);
    in_.remove_prefix(size);
    return s;
  }
  // The number of items that follow, each at least `item_size` bytes long.
  size_t count(size_t item_size) {
    const uint64_t n = varint();
    if (!ok_ || n > in_.size() / item_size) {
      ok_ = false;
      return 0;
    }
    return static_cast<size_t>(n);
  }
  UidSet uids() {
    UidSet set;
    const size_t n = count(2);
    uint64_t last = 0;
    for (size_t i = 0; i < n && ok_; ++i) {
      const uint64_t first = last + varint();
      const uint64_t end = first + varint();
      if (end > UINT32_MAX || first > end || (i > 0 && first <= last)) {
        ok_ = false;
        break;
      }
      set.push_back({static_cast<Uid>(first), static_cast<Uid>(end)});
      last = end;
    }
    return set;
  }

 private:
  uint64_t fixed(size_t bytes) {
    if (!ok_ || in_.size() < bytes) {
      ok_ = false;
      return 0;
    }
    uint64_t v = 0;
    for (size_t i = 0; i < bytes; ++i) v |= uint64_t{static_cast<unsigned char>(in_[i])} << (8 * i);
    in_.remove_prefix(bytes);
    return v;
  }
  std::string_view in_;
  bool ok_ = true;
};

}  // namespace mailkeep::store
