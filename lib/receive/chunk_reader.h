// The octets of BDAT chunks that are text (RFC 3030 2): lines that end with CRLF, across chunks too, no dots to take out.
// What must be refused is noted, as by DataReader. Pure.
// SPDX-License-Identifier: ISC
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "lib/receive/data_reader.h"

namespace mailkeep::receive {

class ChunkReader {
 public:
  explicit ChunkReader(uint64_t max_size) : max_size_(max_size) {}

  // Takes all; appends content to `out`, nothing more after a fault.
  void feed(std::string_view in, std::string& out);
  // Behind the last chunk: a line without its end gets one.
  void finish(std::string& out);
  DataReader::Fault fault() const { return fault_; }
  uint64_t size() const { return size_; }

 private:
  void set_fault(DataReader::Fault fault) {
    if (fault_ == DataReader::Fault::kNone) fault_ = fault;
  }

  DataReader::Fault fault_ = DataReader::Fault::kNone;
  uint64_t max_size_;
  uint64_t size_ = 0;
  size_t line_ = 0;
  bool after_cr_ = false;
};

}  // namespace mailkeep::receive
