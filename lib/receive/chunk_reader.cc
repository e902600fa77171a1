// Chunks: see chunk_reader.h.
// SPDX-License-Identifier: ISC
#include "lib/receive/chunk_reader.h"

namespace mailkeep::receive {

using Fault = DataReader::Fault;

// Of a binary message the header's alone.
void ChunkReader::check_lines(std::string_view in) {
  for (size_t at = 0; at < in.size() && (in_header_ || !from_binary_);) {
    if (after_cr_) {
      if (in[at] != '\n') return set_fault(Fault::kBareCr);
      after_cr_ = false;
      if (line_ == 0) in_header_ = false;
      line_ = 0;
      at++;
      continue;
    }
    const size_t end = in.find('\r', at);
    const std::string_view run = in.substr(at, end == std::string_view::npos ? end : end - at);
    if (run.find('\n') != std::string_view::npos) return set_fault(Fault::kBareLf);
    if (run.find('\0') != std::string_view::npos) return set_fault(Fault::kNul);
    line_ += run.size();
    if (line_ > kMaxTextLine) return set_fault(Fault::kLongLine);
    after_cr_ = end != std::string_view::npos;
    at += run.size() + (after_cr_ ? 1 : 0);
  }
}

void ChunkReader::feed(std::string_view in, std::string& out) {
  size_ += in.size();
  if (size_ > max_size_) set_fault(Fault::kTooLarge);
  if (fault_ == Fault::kNone) check_lines(in);
  if (fault_ != Fault::kNone) return;
  if (!from_binary_) {
    out += in;
    return;
  }
  const size_t before = out.size();
  from_binary_->feed(in, out);
  note_made(out.size() - before);
}

void ChunkReader::finish(std::string& out) {
  if (after_cr_) return set_fault(Fault::kBareCr);
  if (fault_ != Fault::kNone) return;
  if (from_binary_) {
    const size_t before = out.size();
    from_binary_->finish(out);
    note_made(out.size() - before);
  } else if (line_ > 0) {
    out += "\r\n";
  }
  line_ = 0;
}

// What is made is what is kept: it is larger than what came.
void ChunkReader::note_made(uint64_t octets) {
  made_ += octets;
  if (!problem().empty()) set_fault(Fault::kUnencodable);
  if (made_ > max_size_) set_fault(Fault::kTooLarge);
}

}  // namespace mailkeep::receive
