// The message in hand. See in_hand.h.
// SPDX-License-Identifier: ISC
#include "queue/in_hand.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/fd.h"

namespace mailkeep::queue {

namespace {

constexpr uint64_t kMagic = 0x316e4968706b6d4dU;
constexpr size_t kBytes = 8 * (2 + 2 * InHand::kRemembered);

}  // namespace

InHand::~InHand() {
  if (page_ != nullptr) ::munmap(const_cast<uint64_t*>(page_), kBytes);
}

Status InHand::open(const std::string& path) {
  const Fd file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file) return errno_error("open " + path);
  struct stat st = {};
  if (::fstat(file.get(), &st) != 0) return errno_error("fstat " + path);
  const bool fresh = static_cast<size_t>(st.st_size) != kBytes;
  // Written, not only made so long: a page that a full disk has no room for would end the process when it is touched.
  const std::string zeros(kBytes, '\0');
  if (fresh && (::ftruncate(file.get(), 0) != 0 ||
                ::pwrite(file.get(), zeros.data(), kBytes, 0) != static_cast<ssize_t>(kBytes))) {
    return errno_error("write " + path);
  }
  void* page = ::mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0);
  if (page == MAP_FAILED) return errno_error("mmap " + path);
  page_ = static_cast<volatile uint64_t*>(page);
  if (page_[0] != kMagic) {
    for (size_t i = 1; i < 2 + 2 * kRemembered; ++i) page_[i] = 0;
    page_[0] = kMagic;
  }
  const uint64_t died_with = page_[1];
  page_[1] = 0;
  if (died_with == 0) return {};
  size_t place = 2, least = 2;
  while (place < 2 + 2 * kRemembered && page_[place] != died_with) {
    if (page_[place + 1] < page_[least + 1]) least = place;
    place += 2;
  }
  if (place >= 2 + 2 * kRemembered) {
    place = least;
    page_[place + 1] = 0;
  }
  page_[place] = died_with;
  page_[place + 1] = page_[place + 1] + 1;
  return {};
}

std::vector<uint64_t> InHand::poison() const {
  std::vector<uint64_t> out;
  for (size_t i = 2; page_ != nullptr && i < 2 + 2 * kRemembered; i += 2) {
    if (page_[i] != 0 && page_[i + 1] >= kMaxDeaths) out.emplace_back(page_[i]);
  }
  return out;
}

void InHand::forget(uint64_t message) {
  for (size_t i = 2; page_ != nullptr && i < 2 + 2 * kRemembered; i += 2) {
    if (page_[i] != message) continue;
    page_[i] = 0;
    page_[i + 1] = 0;
  }
}

}  // namespace mailkeep::queue
