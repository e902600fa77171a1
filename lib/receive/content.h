// The content of a message that is being received: in memory up to kSmallMessage, then in a spool file that the
// queue has handed over. Written once, read by others through the descriptor.
// SPDX-License-Identifier: ISC
#pragma once

#include <string>

#include "lib/base/fd.h"
#include "lib/base/limits.h"
#include "lib/base/result.h"

namespace mailkeep::receive {

class Content {
 public:
  // Bytes still in memory; append to it, then call settle().
  std::string& buffer() { return buffer_; }
  bool needs_file() const { return !file_ && buffer_.size() > kSmallMessage; }
  bool in_file() const { return static_cast<bool>(file_); }
  // Writes out a large buffer once there is a file.
  Status settle(bool all);
  Status use_file(Fd file);
  uint64_t size() const { return written_ + buffer_.size(); }
  // A sealed memory file with the buffer. Only while !in_file().
  Result<Fd> seal();

 private:
  std::string buffer_;
  Fd file_;
  uint64_t written_ = 0;
};

}  // namespace mailkeep::receive
