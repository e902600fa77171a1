// Which message the queue itself is working on, where a crash of this process cannot take it along: a page shared with
// a file of the spool. The next process finds there what the last one died with; after a few times in a row with the
// same message, that message is quarantined, and nothing it holds can bring the queue down for ever. Costs no system
// call. After a power cut it may be old or empty, which does no harm.
//
//   file: the magic · the id in hand, 0 for none · kRemembered times: an id, how often a process died with it
//
// Process: queue. Trusts nothing of the file: another magic or size is an empty one.
// SPDX-License-Identifier: ISC
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "lib/base/result.h"

namespace mailkeep::queue {

class InHand {
 public:
  static constexpr uint64_t kMaxDeaths = 3;
  static constexpr size_t kRemembered = 64;

  InHand() = default;
  ~InHand();
  InHand(const InHand&) = delete;
  InHand& operator=(const InHand&) = delete;

  // Counts what the last process died with.
  Status open(const std::string& path);
  void take(uint64_t message) {
    if (page_ != nullptr) page_[1] = message;
  }
  // Nothing is in hand.
  void put_down() { take(0); }
  // Those that kMaxDeaths processes died with.
  std::vector<uint64_t> poison() const;
  void forget(uint64_t message);

 private:
  volatile uint64_t* page_ = nullptr;
};

}  // namespace mailkeep::queue
