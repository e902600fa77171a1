// The engine's bytes on disk, read without it: numbers, items, pages. Berkeley DB 5.3, src/dbinc/db_page.h.
//
//   page:  0 u64 log place · 8 u32 own number · 12 u32 page before · 16 u32 page after · 20 u16 items · 22 u16 start of the
//          items' bytes (of an overflow page: how many) · 24 u8 level · 25 u8 type · 28 u32 checksum ·
//          from 32: u16 places of the items, key and value in turn
//   item:  u16 length · u8 type · bytes; or, of a value on pages of its own: u16 – · u8 type · u8 – · u32 page · u32 length
//
// Only files of lib/db include this. Trusts nothing that it reads.
// SPDX-License-Identifier: ISC
#pragma once

#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/result.h"

namespace mailkeep::db::raw {

constexpr size_t kPageHead = 32;
enum PageType : uint8_t { kFree = 0, kInternal = 3, kLeaf = 5, kOverflow = 7, kMeta = 9 };

// The caller has checked that they are there.
inline uint16_t u16(std::string_view bytes, size_t at) {
  uint16_t value = 0;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}
inline uint32_t u32(std::string_view bytes, size_t at) {
  uint32_t value = 0;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

// The engine's checksum, of a log record's payload and of a page.
uint32_t hash(std::string_view bytes);
bool is_sound(const std::string& page);

// u32 length and so many bytes, at `at`.
std::optional<std::string_view> sized(std::string_view bytes, size_t at);

struct Chain {
  uint32_t page = 0;
  uint32_t bytes = 0;
};
std::optional<std::string_view> item_value(std::string_view item);  // its bytes, when it holds them itself
std::optional<Chain> item_chain(std::string_view item);             // where they are, when it does not

// The items of a leaf that are not deleted, each from its start to the end of the page; those out of the page are left
// out.
struct Item {
  bool is_key;
  std::string_view data;
};
std::vector<Item> items(std::string_view page);
// Where the items' bytes begin, or the end of the page's head when what the page says of it cannot be.
size_t items_start(std::string_view page);

// What cannot be read of a file is zeros. Of the zeros at its end, which are most of a log file, only some are in what
// is returned.
Result<std::string> read_file(const std::string& path);
std::string log_name(const std::string& home, uint32_t number);
Result<std::vector<uint32_t>> log_files(const std::string& home);

}  // namespace mailkeep::db::raw
