// The bytes after DATA: see data_reader.h.
// SPDX-License-Identifier: ISC
#include "lib/receive/data_reader.h"

#include <cstring>

namespace mailkeep::receive {

void DataReader::put(std::string_view bytes, std::string& out) {
  size_ += bytes.size();
  line_ += bytes.size();
  if (size_ > max_size_) set_fault(Fault::kTooLarge);
  if (line_ > kMaxTextLine) set_fault(Fault::kLongLine);
  if (fault_ == Fault::kNone) out += bytes;
}

// The run up to the next CR: most of a message goes through here, a line at a time.
size_t DataReader::feed_middle(std::string_view in, std::string& out) {
  const void* cr = std::memchr(in.data(), '\r', in.size());
  const size_t n = cr == nullptr ? in.size() : static_cast<size_t>(static_cast<const char*>(cr) - in.data());
  const std::string_view run = in.substr(0, n);
  if (std::memchr(run.data(), '\n', n) != nullptr) set_fault(Fault::kBareLf);
  if (std::memchr(run.data(), '\0', n) != nullptr) set_fault(Fault::kNul);
  put(run, out);
  if (cr == nullptr) return n;
  state_ = State::kCr;
  return n + 1;
}

size_t DataReader::feed(std::string_view in, std::string& out) {
  size_t at = 0;
  while (at < in.size() && state_ != State::kDone) {
    const char c = in[at];
    switch (state_) {
      case State::kLineStart:
        line_ = 0;
        if (c == '.') {
          state_ = State::kDot;
          at++;
        } else {
          state_ = State::kMiddle;
        }
        break;
      case State::kMiddle: at += feed_middle(in.substr(at), out); break;
      case State::kCr:
        if (c == '\n') {
          put("\r\n", out);
          state_ = State::kLineStart;
          at++;
        } else {
          set_fault(Fault::kBareCr);
          state_ = State::kMiddle;
        }
        break;
      case State::kDot:  // the dot is taken out, whatever follows (RFC 5321 4.5.2)
        if (c == '\r') {
          state_ = State::kDotCr;
          at++;
        } else {
          state_ = State::kMiddle;
        }
        break;
      case State::kDotCr:
        if (c == '\n') {
          state_ = State::kDone;
          at++;
        } else {
          set_fault(Fault::kBareCr);
          state_ = State::kMiddle;
        }
        break;
      case State::kDone: break;
    }
  }
  return at;
}

}  // namespace mailkeep::receive
