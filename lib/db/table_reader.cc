// A table's pages, one by one. See table_reader.h.
// SPDX-License-Identifier: ISC
#include "lib/db/table_reader.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "lib/base/fd.h"
#include "lib/db/raw.h"

namespace mailkeep::db {

namespace {

constexpr size_t kMostValue = 1024 * 1024;  // of one value on pages of its own; the queue's are far smaller

class Reader {
 public:
  Reader(Fd file, uint32_t page_bytes, const TableVisitor& visitor)
      : file_(std::move(file)), page_bytes_(page_bytes), visitor_(visitor) {}

  Result<TableState> run() {
    struct stat st = {};
    if (::fstat(file_.get(), &st) != 0) return errno_error("fstat table");
    const auto pages = static_cast<uint32_t>(static_cast<uint64_t>(st.st_size) / page_bytes_);
    for (uint32_t number = 1; number < pages; ++number) leaf_or_head(page(number));
    state_.pages = pages;
    return state_;
  }

 private:
  // What the disk cannot give is zeros.
  std::string page(uint32_t number) const {
    std::string bytes(page_bytes_, '\0');
    const ssize_t n =
        ::pread(file_.get(), bytes.data(), bytes.size(), static_cast<off_t>(uint64_t{number} * page_bytes_));
    if (n < 0) bytes.assign(page_bytes_, '\0');
    return bytes;
  }

  void leaf_or_head(const std::string& bytes) {
    const bool is_empty = bytes.find_first_not_of('\0') == std::string::npos;  // never written
    const bool is_sound = is_empty || raw::is_sound(bytes);
    const auto type = static_cast<uint8_t>(bytes[25]);
    if (type == raw::kLeaf) leaf(bytes);
    // The head of a value's pages: its leaf says the same, unless that is damaged.
    if (type == raw::kOverflow && raw::u32(bytes, 12) == 0) lone(bytes);
    if (is_sound) return;
    ++state_.damaged;
    search(bytes);
  }

  void leaf(const std::string& bytes) {
    std::string key;
    for (const raw::Item& item : raw::items(bytes)) {
      if (item.is_key) {
        const auto value = raw::item_value(item.data);
        key = value ? std::string(*value) : std::string();
      } else if (const auto value = raw::item_value(item.data)) {
        visitor_.entry(std::exchange(key, {}), *value);
      } else if (const auto chain = raw::item_chain(item.data); chain && chain->bytes <= kMostValue) {
        visitor_.entry(std::exchange(key, {}), follow(page(chain->page), chain->bytes));
      }
    }
  }

  std::string follow(std::string bytes, size_t wanted) const {
    std::string out;
    while (out.size() < wanted && static_cast<uint8_t>(bytes[25]) == raw::kOverflow) {
      const size_t size = std::min<size_t>({raw::u16(bytes, 22), bytes.size() - raw::kPageHead, wanted - out.size()});
      if (size == 0) break;
      out.append(bytes, raw::kPageHead, size);
      const uint32_t next = raw::u32(bytes, 16);
      if (next == 0) break;
      bytes = page(next);
    }
    return out;
  }

  void lone(const std::string& bytes) const {
    const std::string whole = follow(bytes, kMostValue);
    if (const size_t size = visitor_.record_at(whole); size != 0)
      visitor_.record(std::string_view(whole).substr(0, size));
  }

  void search(const std::string& bytes) const {
    const std::string_view all = bytes;
    for (size_t at = raw::items_start(all); at < all.size();) {
      const size_t size = visitor_.record_at(all.substr(at));
      if (size != 0) visitor_.record(all.substr(at, size));
      at += size != 0 ? size : 1;
    }
  }

  Fd file_;
  uint32_t page_bytes_;
  const TableVisitor& visitor_;
  TableState state_;
};

}  // namespace

Result<TableState> read_table(const std::string& path, uint32_t page_bytes, const TableVisitor& visitor) {
  Fd file(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
  if (!file) return errno_error("open " + path);
  return Reader(std::move(file), page_bytes, visitor).run();
}

}  // namespace mailkeep::db
