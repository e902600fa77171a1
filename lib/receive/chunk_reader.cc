// Chunks of text: see chunk_reader.h.
// SPDX-License-Identifier: ISC
#include "lib/receive/chunk_reader.h"

namespace mailkeep::receive {

void ChunkReader::feed(std::string_view in, std::string& out) {
  using Fault = DataReader::Fault;
  size_ += in.size();
  if (size_ > max_size_) set_fault(Fault::kTooLarge);
  if (fault_ != Fault::kNone) return;
  for (size_t at = 0; at < in.size();) {
    if (after_cr_) {
      if (in[at] != '\n') return set_fault(Fault::kBareCr);
      after_cr_ = false;
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
  out += in;
}

void ChunkReader::finish(std::string& out) {
  if (after_cr_) return set_fault(DataReader::Fault::kBareCr);
  if (fault_ == DataReader::Fault::kNone && line_ > 0) out += "\r\n";
  line_ = 0;
}

}  // namespace mailkeep::receive
