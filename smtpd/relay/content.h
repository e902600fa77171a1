// A message on its way out: read from its descriptor in slices, dots stuffed (RFC 5321 4.5.2) and the final dot behind
// it, or as one chunk (RFC 3030).
// Memory is one slice, whatever the size. Run by relay; trusts the queue's descriptor not to change, not what is in it:
// survey() looks for what must not leave.
// SPDX-License-Identifier: ISC
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "lib/base/result.h"
#include "lib/mime/seven_bit.h"

namespace mailkeep::relay {

constexpr size_t kSlice = 128 * 1024;

struct Survey {
  bool eight_bit = false;         // has bytes above 127
  bool eight_bit_header = false;  // its own header has: it needs SMTPUTF8 if that was asked for (RFC 6531 3.5)
  bool ends_line = true;          // its last byte is an LF, or it has none
  bool bad_lines = false;         // a CR or LF alone, or a NUL: never sent
};
// EINVAL: not a regular file of at least `size` bytes.
mailkeep::Result<Survey> survey(int fd, uint64_t size);

// How its 8-bit parts can be sent to a host that does not offer 8BITMIME.
mailkeep::Result<mime::SevenBit::Plan> plan_seven_bit(int fd, uint64_t size);

class Content {
 public:
  Content() = default;
  Content(int fd, uint64_t size) : fd_(fd), size_(size) {}
  // In 7 bits, as planned.
  Content(int fd, uint64_t size, const mime::SevenBit::Plan& plan) : fd_(fd), size_(size), converter_(plan) {}
  // As a chunk: no dots, and a line end only if it lacks.
  void send_as_chunk() { is_chunk_ = true; }
  // Fields that stand before the header.
  void put_before(std::string head) { head_ = std::move(head); }
  // Appends the next slice; with the last one the line end that may lack and the final dot. ENODATA: the file is
  // shorter.
  Status append_to(std::string& out);
  bool is_over() const { return over_; }

 private:
  void stuff(std::string_view slice, std::string& out);
  int fd_ = -1;
  std::string head_;
  uint64_t size_ = 0;
  uint64_t at_ = 0;
  bool line_start_ = true;
  bool over_ = false;
  bool is_chunk_ = false;
  std::optional<mime::SevenBit> converter_;
};

}  // namespace mailkeep::relay
