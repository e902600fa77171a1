// Regular expressions of the configuration and its tables: PCRE2's, of which POSIX extended ones are nearly a part.
//
// Bytes, without regard to case, found anywhere in the subject unless the pattern says ^ or $. A pattern is compiled
// once; what one question may cost is bounded (kMaxSteps, kMaxDepth), and what many that belong together cost (Budget);
// one that would cost more is neither yes nor no.
// Patterns are the administrator's, subjects anybody's. Processes: lookup; the parent, to tell errors by line and
// column.
// SPDX-License-Identifier: ISC
#pragma once

#include <memory>
#include <string_view>

#include "lib/base/clock.h"
#include "lib/base/result.h"

namespace mailkeep::pattern {

constexpr size_t kMaxPattern = 1000;    // bytes of a pattern
constexpr size_t kMaxSubject = 1024;    // bytes that are looked at; a longer subject is kTooMuch
constexpr unsigned kMaxSteps = 20'000;  // calls of PCRE2's match function in one question: about a millisecond
constexpr unsigned kMaxDepth = 2'000;   // of its backtracking
constexpr unsigned kMaxHeap = 1024;     // KiB of it
constexpr unsigned kMaxNesting = 50;    // parentheses

constexpr Millis kMaxTime(50);  // of the processor, for all that is asked for one recipient

// Time of the processor, from when it is made.
class Budget {
 public:
  explicit Budget(Micros most = kMaxTime);
  bool is_spent() const;

 private:
  Micros end_;
};

enum class Outcome : uint8_t { kNo, kYes, kTooMuch };

class Pattern {
 public:
  // The Error's text says what is wrong, and at which byte.
  static Result<Pattern> compile(std::string_view text);
  Outcome match(std::string_view subject) const;

 private:
  struct Free {
    void operator()(void* code) const;
  };
  explicit Pattern(void* code) : code_(code) {}
  std::unique_ptr<void, Free> code_;
};

}  // namespace mailkeep::pattern
