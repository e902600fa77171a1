// The bytes after DATA (RFC 5321 4.1.1.4, 4.5.2): finds CRLF.CRLF, and nothing else, takes the stuffed dots out, and
// notes what must be refused. After a fault it goes on to the real end, so the session stays in step. Pure.
//
//   line start --'.'--> dot --CR--> dot CR --LF--> done
//   middle --CR--> CR --LF--> line start;   anything else after CR is a bare CR, a LF without CR a bare LF
// SPDX-License-Identifier: ISC
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace mailkeep::receive {

// RFC 5322 2.1.1 allows 998; the world writes more, and what relays on must not break it up.
constexpr size_t kMaxTextLine = 65536;

class DataReader {
 public:
  enum class Fault : uint8_t {
    kNone,
    kBareCr,
    kBareLf,
    kNul,
    kLongLine,
    kTooLarge,
    kUnencodable
  };  // the last: see chunk_reader.h

  explicit DataReader(uint64_t max_size) : max_size_(max_size) {}

  // Takes bytes of `in` up to and including the end of data; appends content with CRLF line ends to `out` (nothing
  // more after a fault). Returns how many bytes it took: all of them unless done().
  size_t feed(std::string_view in, std::string& out);
  bool done() const { return state_ == State::kDone; }
  Fault fault() const { return fault_; }
  uint64_t size() const { return size_; }

 private:
  enum class State : uint8_t { kLineStart, kMiddle, kCr, kDot, kDotCr, kDone };
  void put(std::string_view bytes, std::string& out);
  void set_fault(Fault fault) {
    if (fault_ == Fault::kNone) fault_ = fault;
  }
  size_t feed_middle(std::string_view in, std::string& out);

  State state_ = State::kLineStart;
  Fault fault_ = Fault::kNone;
  uint64_t max_size_;
  uint64_t size_ = 0;
  size_t line_ = 0;
};

}  // namespace mailkeep::receive
