// The octets of BDAT chunks (RFC 3030 2), no dots to take out. Text: lines that end with CRLF, across chunks too.
// Binary (RFC 3030 3): the header is such lines, and what follows is made into them here, as it comes: all behind this
// place meets CRLF lines alone, so a binary message is kept, shown by IMAP and sent on like any other, to hosts without
// BINARYMIME too. A signature over the whole body in its binary form (DKIM) does not outlive that, as RFC 6376 5.3
// warns signers. What must be refused is noted, as by DataReader. Pure.
// SPDX-License-Identifier: ISC
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "lib/mime/from_binary.h"
#include "lib/receive/data_reader.h"

namespace mailkeep::receive {

class ChunkReader {
 public:
  explicit ChunkReader(uint64_t max_size, bool is_binary = false) : max_size_(max_size) {
    if (is_binary) from_binary_.emplace();
  }

  // Takes all; appends content to `out`, nothing more after a fault.
  void feed(std::string_view in, std::string& out);
  // Behind the last chunk: a line without its end gets one.
  void finish(std::string& out);
  DataReader::Fault fault() const { return fault_; }
  // Of kUnencodable: what the sender should do.
  std::string_view problem() const { return from_binary_ ? from_binary_->problem() : std::string_view(); }
  // Octets that came; neither they nor what was made of them are more than the maximum.
  uint64_t size() const { return size_; }

 private:
  void set_fault(DataReader::Fault fault) {
    if (fault_ == DataReader::Fault::kNone) fault_ = fault;
  }
  void check_lines(std::string_view in);
  void note_made(uint64_t octets);

  DataReader::Fault fault_ = DataReader::Fault::kNone;
  uint64_t max_size_;
  uint64_t size_ = 0;
  uint64_t made_ = 0;
  size_t line_ = 0;
  bool after_cr_ = false;
  bool in_header_ = true;
  std::optional<mime::FromBinary> from_binary_;
};

}  // namespace mailkeep::receive
