// Looks for a text in many records, before any of them is decoded. Process: queue. Pure.
// SPDX-License-Identifier: ISC
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace mailkeep::queue {

// ASCII letters in any case, as addresses are compared. An empty one is in everything.
class Needle {
 public:
  Needle() : Needle(std::string_view()) {}
  explicit Needle(std::string_view text);
  bool empty() const { return text_.empty(); }
  bool is_in(std::string_view text) const;

 private:
  std::string text_;               // in lower case
  std::array<uint8_t, 256> skip_;  // how much further, by the byte at its end (Horspool)
};

// What a record must have in it to be worth decoding.
struct Wanted {
  Needle envelope;  // in the envelope's
  Needle message;   // in its message's
  Needle either;    // in one of the two
  std::string row;  // what the rows begin with that lead to all such in the index of search_index.h; empty: none do
  bool is_all() const { return envelope.empty() && message.empty() && either.empty() && row.empty(); }
};

}  // namespace mailkeep::queue
