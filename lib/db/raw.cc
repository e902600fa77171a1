// Bytes of the engine's files. See raw.h.
// SPDX-License-Identifier: ISC
#include "lib/db/raw.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <memory>

#include "lib/base/fd.h"
#include "lib/base/text.h"

namespace mailkeep::db::raw {

namespace {

constexpr uint8_t kHeld = 1;        // an item's bytes follow
constexpr uint8_t kElsewhere = 3;   // on pages of their own
constexpr uint8_t kDeleted = 0x80;  // beside either: about to go, as the log has it when it goes
constexpr size_t kItemHead = 3;
constexpr size_t kChainItem = 12;
constexpr size_t kChecksumAt = 28;
constexpr uint64_t kMostFile = uint64_t{1} << 31;  // of one read whole: a log file has some MiB

constexpr size_t kChunk = 256 * 1024;  // read at a time

struct CloseDirectory {
  void operator()(DIR* directory) const { ::closedir(directory); }
};

// What the disk cannot give is zeros.
void read_chunk(int file, uint64_t from, char* to, size_t size) {
  constexpr size_t kBlock = 4096;
  std::memset(to, 0, size);
  for (size_t at = 0; at < size;) {
    const ssize_t n = ::pread(file, to + at, size - at, static_cast<off_t>(from + at));
    if (n > 0) {
      at += static_cast<size_t>(n);
    } else if (n == 0 || errno != EINTR) {
      at += kBlock - at % kBlock;  // go on behind it
    }
  }
}

bool is_zero(std::string_view bytes) {
  return bytes.empty() || (bytes[0] == 0 && std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0);
}

}  // namespace

// 33 times what was before, plus the byte: four at a time, so that one need not wait for the other.
uint32_t hash(std::string_view bytes) {
  constexpr uint32_t k1 = 33, k2 = k1 * k1, k3 = k2 * k1, k4 = k3 * k1;
  const auto at = [bytes](size_t i) { return uint32_t{static_cast<uint8_t>(bytes[i])}; };
  uint32_t value = 0;
  size_t i = 0;
  for (; i + 4 <= bytes.size(); i += 4) {
    value = value * k4 + (at(i) * k3 + at(i + 1) * k2 + at(i + 2) * k1 + at(i + 3));
  }
  for (; i < bytes.size(); ++i) value = value * k1 + at(i);
  return value;
}

bool is_sound(const std::string& page) {
  std::string copy = page;
  std::fill_n(copy.begin() + kChecksumAt, 4, '\0');
  return hash(copy) == u32(page, kChecksumAt);
}

std::optional<std::string_view> sized(std::string_view bytes, size_t at) {
  if (at + 4 > bytes.size()) return std::nullopt;
  const size_t size = u32(bytes, at);
  if (size > bytes.size() - at - 4) return std::nullopt;
  return bytes.substr(at + 4, size);
}

std::optional<std::string_view> item_value(std::string_view item) {
  if (item.size() < kItemHead || (static_cast<uint8_t>(item[2]) & ~kDeleted) != kHeld) return std::nullopt;
  const size_t size = u16(item, 0);
  if (size > item.size() - kItemHead) return std::nullopt;
  return item.substr(kItemHead, size);
}

std::optional<Chain> item_chain(std::string_view item) {
  if (item.size() < kChainItem || (static_cast<uint8_t>(item[2]) & ~kDeleted) != kElsewhere) return std::nullopt;
  return Chain{u32(item, 4), u32(item, 8)};
}

std::vector<Item> items(std::string_view page) {
  std::vector<Item> out;
  if (page.size() < kPageHead || static_cast<uint8_t>(page[25]) != kLeaf) return out;
  const size_t count = std::min<size_t>(u16(page, 20), (page.size() - kPageHead) / 2);
  for (size_t i = 0; i < count; ++i) {
    const size_t at = u16(page, kPageHead + i * 2);
    if (at < kPageHead || at + kItemHead > page.size()) continue;
    if ((static_cast<uint8_t>(page[at + 2]) & kDeleted) != 0) continue;
    out.push_back({i % 2 == 0, page.substr(at)});
  }
  return out;
}

size_t items_start(std::string_view page) {
  const size_t start = u16(page, 22);
  return static_cast<uint8_t>(page[25]) == kLeaf && start > kPageHead && start < page.size() ? start : kPageHead;
}

Result<std::string> read_file(const std::string& path) {
  const Fd file(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
  if (!file) return errno_error("open " + path);
  struct stat st = {};
  if (::fstat(file.get(), &st) != 0) return errno_error("fstat " + path);
  if (static_cast<uint64_t>(st.st_size) > kMostFile) return Error(path + ": too large", EFBIG);
  const auto size = static_cast<uint64_t>(st.st_size);
  std::string out;
  out.reserve(size);  // takes no memory before it is written
  std::string chunk(kChunk, '\0');
  uint64_t zeros = 0;  // that follow what is in `out`
  for (uint64_t at = 0; at < size;) {
    const size_t n = static_cast<size_t>(std::min<uint64_t>(kChunk, size - at));
    read_chunk(file.get(), at, chunk.data(), n);
    at += n;
    if (is_zero({chunk.data(), n})) {
      zeros += n;
      continue;
    }
    out.append(zeros, '\0').append(chunk, 0, n);
    zeros = 0;
  }
  out.append(std::min<uint64_t>(zeros, kChunk), '\0');
  return out;
}

std::string log_name(const std::string& home, uint32_t number) {
  const std::string digits = std::to_string(number);
  return home + "/log." + std::string(10 - std::min<size_t>(digits.size(), 10), '0') + digits;
}

Result<std::vector<uint32_t>> log_files(const std::string& home) {
  const std::unique_ptr<DIR, CloseDirectory> directory(::opendir(home.c_str()));
  if (!directory) return errno_error("opendir " + home);
  std::vector<uint32_t> out;
  while (const struct dirent* entry = ::readdir(directory.get())) {
    const std::string_view name = entry->d_name;
    const auto number =
        name.size() == 14 && name.starts_with("log.") ? parse_u64(name.substr(4), UINT32_MAX) : std::nullopt;
    if (number) out.push_back(static_cast<uint32_t>(*number));
  }
  std::sort(out.begin(), out.end());
  return out;
}

}  // namespace mailkeep::db::raw
